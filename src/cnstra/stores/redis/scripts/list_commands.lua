-- Reads the newest commands.
-- KEYS: of the commands
-- ARGV: below which number; how many at most; the id of the run that they are about, if that matters
-- Returns their records, the newest first.
local group = ARGV[3] and run_group(ARGV[3]) or '-'
local members = redis.call(
  'ZREVRANGEBYLEX', ABOUT, '(' .. group .. digits_of(ARGV[1]), '[' .. group, 'LIMIT', 0, ARGV[2]
)
local records = {}
for i, member in ipairs(members) do
  records[i] = record_of(string.format('%.0f', tonumber(string.sub(member, #group + 1))))
end
return records
