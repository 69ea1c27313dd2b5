-- wrk: POST one object after another, each with a name of its own and in one buffer made beforehand.
-- Arguments: file with the whole request, in which @@@@@@@@ stands for eight digits; first number.
local before, after, number = "", "", 0


function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  local from, to = text:find("@@@@@@@@", 1, true)
  before, after = text:sub(1, from - 1), text:sub(to + 1)
  number = tonumber(args[2])
end

function request()
  number = number + 1
  return before .. string.format("%08d", number) .. after
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"duration_us":%d,"failed":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
