"""
A client made with slixmpp that writes messages to CONTACT and retracts two of them; without CONTACT, one that reads its archive.
Prints the ids of the messages, or the archived stanzas, as one JSON array.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

# slixmpp prints to standard output on its own account.
ANSWER = os.fdopen(os.dup(1), 'w', encoding='utf-8')
os.dup2(2, 1)

import slixmpp  # noqa: E402

JID, PASSWORD, HOST, PORT, AUTHORITIES, *CONTACT = sys.argv[1:]
RETRACT = '{urn:xmpp:message-retract:1}retract'


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(JID, PASSWORD)
        self.ca_certs = Path(AUTHORITIES)
        for plugin in ('xep_0030', 'xep_0059', 'xep_0199', 'xep_0297', 'xep_0313', 'xep_0359', 'xep_0424'):
            self.register_plugin(plugin)
        self.done = asyncio.get_event_loop().create_future()
        self.add_event_handler('session_start', self.on_session_start)

    async def on_session_start(self, _):
        try:
            self.done.set_result(await (self.write(slixmpp.JID(CONTACT[0])) if CONTACT else self.read()))
        except BaseException as error:
            self.done.set_exception(error)

    async def write(self, contact):
        messages = [self.make_message(mto=contact, mbody=body, mtype='chat') for body in ('secret', 'old form', 'kept')]
        for message in messages:
            message.send()
        retraction = self.make_message(mto=contact, mbody='/me retracted a message', mtype='chat')
        retraction.xml.append(ElementTree.Element(RETRACT, id=messages[0]['id']))
        retraction.send()
        # What the library itself has: version 0.3 of the specification.
        self['xep_0424'].send_retraction(contact, messages[1]['id'])
        await self['xep_0199'].ping(slixmpp.JID(self.boundjid.domain))
        return [message['id'] for message in (*messages, retraction)]

    async def read(self):
        results = [result async for result in self['xep_0313'].iterate(rsm={'max': 10})]
        return [str(result['mam_result']['forwarded']['stanza']) for result in results]


async def main():
    client = Client()
    client.connect((HOST, int(PORT)))
    print(json.dumps(await asyncio.wait_for(client.done, 60)), file=ANSWER, flush=True)
    await client.disconnect()


asyncio.get_event_loop().run_until_complete(main())
