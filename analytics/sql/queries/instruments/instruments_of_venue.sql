-- Every contract that $venue has ever listed since collecting began.
-- One row per instrument.
select * from instruments where venue = $venue
