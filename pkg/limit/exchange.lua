-- The tally of an account for all processes together: tally.go and leave.go in Lua. A hash holds the tally, and in the
-- field "p:" and its name what each process has under way.
--
-- KEYS[1] the hash
-- ARGV    1 now in milliseconds, or 0 for the server's time    2 the process; empty: only tell
--         3 how many calls it has under way                    4 of the leaves it got, how many it did not use
--         5 to 7 how many are wanted: backlog, live, urgent    8 calls a minute    9 reserve in percent
--         10 stop the account for so long, or 0                then six for each answer: granted age limit left reset bound
local minute, slack, longest, leftovers, fresh, again, recovery = 60000, 1000, 35000, 6000, 250, 1000, 10000
local longblock, soon, soonest, handful, gather, unsaid, lost, forgotten = 900000, 200, 20, 4, 500, -1, -2, 45000
local max, min, floor, ceil = math.max, math.min, math.floor, math.ceil

local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + floor(tonumber(time[2]) / 1000)
end
local process = ARGV[2]

local names = {'limit', 'left', 'heard', 'at', 'lo', 'hi', 'used', 'above', 'surprise', 'before', 'leaps', 'roundsup', 'slides', 'mute', 'tat', 'blocked', 'last'}
local t, elsewhere, gone = {}, 0, {}
for _, name in ipairs(names) do t[name] = 0 end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local name, value = all[i], all[i + 1]
  if string.sub(name, 1, 2) ~= 'p:' then
    t[name] = tonumber(value) or 0
  elseif name ~= 'p:' .. process then
    local count, at = string.match(value, '^(%d+) (%d+)$')
    if not count or now - tonumber(at) > forgotten then
      gone[#gone + 1] = name
    else
      elsewhere = elsewhere + tonumber(count)
    end
  end
end

local function turn()
  t.at, t.last, t.tat = min(t.at, now), min(t.last, now), min(t.tat, now + minute)
  t.blocked = min(t.blocked, now + longblock)
  if t.hi > now + minute + slack then
    t.hi = now + minute
    t.lo = min(t.lo, t.hi)
  end
  if t.hi == 0 or now < t.hi then return end
  local windows = floor((now - t.hi) / minute) + 1
  t.lo = t.lo + windows * minute
  t.hi = t.hi + windows * minute
  t.before = windows == 1 and t.surprise or 0
  t.heard, t.at, t.used, t.above, t.surprise = 0, now - 1, 0, 0, 0
end

local function set(at, left, lo, hi)
  t.left, t.heard, t.at, t.lo, t.hi = left, 1, max(t.at, at), lo, hi
  if t.slides == 1 then t.hi = max(hi, at + recovery) end
end

local function hear(granted, age, limit, left, reset, bound)
  turn()
  if limit >= 1 then t.limit = limit end
  if left == lost then
    if t.heard == 1 then t.left = max(t.left - 1, 0) end
    return
  end
  if left == unsaid then
    t.mute = t.mute + 1
    return
  end
  t.mute = 0
  local at = now - age
  local lo = granted
  if lo == 0 then lo = at - longest end
  local hi = at + minute
  if reset >= 0 then
    lo = lo + reset - slack
    if reset == 0 then t.roundsup = 0 end
    hi = min(hi, at + reset + (t.roundsup == 1 and 50 or slack))
  end
  local later = granted > t.at
  if not later and t.hi > 0 and hi < t.lo then
    return
  elseif t.heard == 0 then
    if later and t.hi > 0 and t.limit > 0 and t.left < t.limit / 2 then
      t.leaps = left >= t.limit * 0.9 and 1 or 0
      t.slides = left < t.limit / 2 and 1 or 0
    end
    set(at, left, lo, hi)
  elseif lo > t.hi then
    if at < t.lo + slack then t.roundsup = 1 end
    t.before, t.surprise, t.used, t.above = t.surprise, 0, 0, 0
    set(at, left, lo, hi)
  elseif later and (left > t.left or hi < t.lo) then
    if t.limit > 0 and left >= t.limit * 0.9 then t.used, t.above = 0, 0 end
    set(at, left, lo, hi)
  else
    if later or left < t.left then
      t.left, t.at = min(t.left, left), max(t.at, at)
    end
    t.lo, t.hi = max(t.lo, lo), min(t.hi, hi)
  end
  if bound > left then t.surprise = max(t.surprise, bound - left) end
end

turn()
t.used = max(0, t.used - tonumber(ARGV[4]))
local pause = tonumber(ARGV[10])
if pause > 0 then t.blocked = max(t.blocked, now + pause) end
for i = 11, #ARGV - 5, 6 do
  hear(tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5]))
end

turn()
local mine = tonumber(ARGV[3])
local underway = elsewhere + mine
local want = {tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])}
local limit = t.limit
if limit == 0 then limit = tonumber(ARGV[8]) end
local reserve = min(ceil(limit * tonumber(ARGV[9]) / 100), limit - 1)
local ours = limit - reserve
local margin = min(max(t.surprise, t.before, 1), floor(ours / 50))
local least = reserve + margin
local given, wait, first, bound = {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, unsaid

if now < t.blocked then
  for r = 1, 3 do wait[r], first[r] = t.blocked - now, t.blocked - now end
elseif t.heard == 1 then
  local ahead = min(max(t.hi - now, 0), minute)
  local last = ahead
  if t.slides == 1 then ahead = 2 * leftovers end
  local age = max(0, now - t.at - fresh)
  local behind = max(minute - ahead, 5000)
  local others = max(0, limit - t.left - (t.used - underway)) / behind
  local pace = ours / minute
  local left = t.left - age * max(3 * others, pace / 4)
  local likely = t.left - age * max(2 * others, pace / 4)
  local above = t.above / behind
  if age == 0 then bound = t.left - underway end
  local free, known = floor(left - least - underway), t.left - least - underway
  likely = floor(likely - least - underway)
  if free < 1 and likely >= 1 and now - t.last >= again then
    free = 1
    left = max(left, t.left)
  end
  local keep = {0, 0, 0}
  keep[2] = floor(ours * 0.005 + 0.5) + ours * 0.05 * ahead / minute
  keep[1] = keep[2] + ours * max(0, ahead - leftovers) / minute + (others + above) * min(ahead, leftovers)
  local over = left - least - underway
  for r = 3, 1, -1 do
    local n = max(0, min(want[r], free, floor(over - keep[r])))
    given[r] = n
    free, over = free - n, over - n
    if n < want[r] then
      if known + underway < 1 then
        wait[r] = last + 1
      elseif over - keep[r] < 1 and over >= 1 then
        wait[r] = min(max((min(want[r] - n, handful) + keep[r] - over) * minute / ours, soonest), max(ahead - leftovers, soon))
        first[r] = min((1 + keep[r] - over) * minute / ours, wait[r])
      else
        wait[r] = soon
      end
      if first[r] == 0 then first[r] = wait[r] end
    end
  end
else
  local few = 1
  if t.leaps == 1 or t.mute >= 3 or (t.hi > 0 and t.left - least > ours / 2) then
    few = max(1, floor(ours / 20))
  end
  local free = few - underway
  if free < 1 and now - t.last >= again then free = 1 end
  local interval = minute / (0.9 * ours)
  local tat = max(t.tat, now - interval * max(1, ours / 10))
  local burst = floor(ours / 10)
  local keep = {floor(burst / 4), floor(burst / 20), 0}
  local paced = floor((now - tat) / interval + 0.001)
  for r = 3, 1, -1 do
    local n = max(0, min(want[r], free, paced - keep[r]))
    given[r] = n
    free, paced = free - n, paced - n
    tat = tat + n * interval
    if n < want[r] then
      wait[r], first[r] = soon, soon
      if paced - keep[r] < 1 then
        first[r] = ceil((1 + keep[r] - paced) * interval)
        wait[r] = max(min(ceil((min(want[r] - n, handful) + keep[r] - paced) * interval), gather), first[r], soonest)
      end
    end
  end
  t.tat = max(t.tat, floor(tat))
end
local sum = given[1] + given[2] + given[3]
t.used, t.above = t.used + sum, t.above + given[2] + given[3]
if sum > 0 then t.last = now end

if process ~= '' then
  local fields = {}
  for _, name in ipairs(names) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.format('%.0f', t[name])
  end
  if mine + sum > 0 then
    fields[#fields + 1] = 'p:' .. process
    fields[#fields + 1] = string.format('%.0f %.0f', mine + sum, now)
  else
    gone[#gone + 1] = 'p:' .. process
  end
  redis.call('HSET', KEYS[1], unpack(fields))
  if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
  redis.call('PEXPIRE', KEYS[1], longblock + 5 * minute)
end

local reply = {now, bound, underway + sum, given[1], given[2], given[3], ceil(wait[1]), ceil(wait[2]), ceil(wait[3]), ceil(first[1]), ceil(first[2]), ceil(first[3])}
for _, name in ipairs(names) do reply[#reply + 1] = t[name] end
return reply
