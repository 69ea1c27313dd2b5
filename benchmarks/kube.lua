-- wrk: one request after another from a file made beforehand, in which @@@@@@@@ stands for the request's number, and
-- ######## for the number of one of some objects, taken in turn. Arguments: file; first number; how many objects.
local pieces, number, objects = {}, 0, 1

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  number, objects = tonumber(args[2]), tonumber(args[3])
  local at = 1
  while true do
    local from, to = text:find("[@#][@#][@#][@#][@#][@#][@#][@#]", at)
    if not from then break end
    pieces[#pieces + 1] = text:sub(at, from - 1)
    pieces[#pieces + 1] = text:sub(from, from)
    at = to + 1
  end
  pieces[#pieces + 1] = text:sub(at)
end

function request()
  number = number + 1
  local made = {}
  for index, piece in ipairs(pieces) do
    if piece == "@" then
      made[index] = string.format("%08d", number)
    elseif piece == "#" then
      made[index] = string.format("%08d", number % objects)
    else
      made[index] = piece
    end
  end
  return table.concat(made)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"duration_us":%d,"failed":%d,"bytes":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.bytes,
    latency:percentile(50), latency:percentile(99)))
end
