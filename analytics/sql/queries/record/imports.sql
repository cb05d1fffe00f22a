-- Imports, newest first: rows added and changed, and when each was undone.
-- One row per import that stored something; `perpscope import --undo ID` undoes one.
select
    id, stored_ts, file, kind, first_ts, last_ts,
    rows_added, rows_replaced, bars_added, bars_changed, undone_ts
from imports
order by id desc
