-- Every contract that $venue was ever seen to list.
-- One row per instrument.
select * from instruments where venue = $venue
