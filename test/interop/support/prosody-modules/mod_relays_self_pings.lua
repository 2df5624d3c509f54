-- Makes a room service of those that know nothing of XEP-0410: it hands a ping of somebody's own nick to its owner like
-- every other request. For the room code there is no ping in the request then.

local function hide_ping(event)
	local stanza = event.stanza;
	local get_child = stanza.get_child;
	function stanza:get_child(name, xmlns)
		if xmlns == "urn:xmpp:ping" then return nil; end
		return get_child(self, name, xmlns);
	end
end

module:hook("iq-get/full", hide_ping, 1000);
module:hook("iq/full", hide_ping, 1000);
