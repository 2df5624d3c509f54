-- Writes down every stanza that arrives from ("in") or goes to ("out") another server: one JSON object per line in
-- the file `wire_file`, `at` in milliseconds since 1970.

module:set_global();

local filters = require "util.filters";
local json = require "util.json";
local now = require "util.time".now;

local path = module:get_option_string("wire_file");

local is_stanza = { message = true, presence = true, iq = true };

local function write_down(direction)
	return function (data)
		local xml = tostring(data);
		if is_stanza[xml:match("^<(%a+)")] then
			local file = assert(io.open(path, "a"));
			file:write(json.encode({ at = now() * 1000, dir = direction, xml = xml }), "\n");
			file:close();
		end
		return data;
	end
end

local write_in, write_out = write_down("in"), write_down("out");

local function add(session)
	if session.type and session.type:sub(1, 3) == "s2s" then
		filters.add_filter(session, "stanzas/in", write_in, 10000);
		-- What had to wait for the connection is text by then, so it passes here only; one stanza at a time all the same.
		filters.add_filter(session, "bytes/out", write_out, 10000);
	end
end

filters.add_filter_hook(add);

function module.unload()
	filters.remove_filter_hook(add);
end
