-- The imports that stored something, the newest first: what each added and changed, and when it was undone.
-- One row per import; `perpscope import --undo ID` takes one back.
select
    id, stored_ts, file, kind, first_ts, last_ts,
    rows_added, rows_replaced, bars_added, bars_changed, undone_ts
from imports
order by id desc
