-- How much the record holds. One row per table, in the order data flows.
select 'snapshots' as table_name, count(*) as row_count from snapshots
union all
select 'bars', count(*) from bars
union all
select 'cycles', count(*) from cycles
union all
select 'liquidations', count(*) from liquidations
union all
select 'instruments', count(*) from instruments
