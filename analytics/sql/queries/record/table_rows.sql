-- Row counts of the lake's tables. One row per table.
select 'snapshots' as table_name, count(*) as row_count from snapshots
union all
select 'bars', count(*) from bars
union all
select 'cycles', count(*) from cycles
union all
select 'liquidations', count(*) from liquidations
union all
select 'instruments', count(*) from instruments
