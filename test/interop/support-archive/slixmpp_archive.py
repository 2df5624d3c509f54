"""A client made with slixmpp that reads its archive in all ways that slixmpp has. Prints what it found, as one JSON object."""

import asyncio
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

# slixmpp prints to standard output on its own account.
ANSWER = os.fdopen(os.dup(1), 'w', encoding='utf-8')
os.dup2(2, 1)

import slixmpp  # noqa: E402
from slixmpp.exceptions import IqError  # noqa: E402

JID, PASSWORD, HOST, PORT, AUTHORITIES, CONTACT = sys.argv[1:]
PAGE = {'max': 5}
LONG_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)


class Reader(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(JID, PASSWORD)
        self.ca_certs = Path(AUTHORITIES)
        for plugin in ('xep_0030', 'xep_0059', 'xep_0297', 'xep_0313', 'xep_0359', 'xep_0441'):
            self.register_plugin(plugin)
        self.found = asyncio.get_event_loop().create_future()
        self.add_event_handler('session_start', self.on_session_start)

    async def on_session_start(self, _):
        try:
            self.found.set_result(await self.read())
        except BaseException as error:
            self.found.set_exception(error)

    async def read(self):
        archive = self['xep_0313']
        metadata = (await archive.get_archive_metadata())['mam_metadata']
        fields = await archive.get_fields()
        first = await archive.retrieve(rsm={'max': 3})
        return {
            'forwards': await self.bodies(rsm=PAGE),
            'backwards': await self.bodies(rsm=PAGE, reverse=True),
            'by address': await self.bodies(rsm=PAGE, jid=slixmpp.JID(JID)),
            'with the contact': await self.bodies(rsm=PAGE, with_jid=slixmpp.JID(CONTACT)),
            'with nobody': await self.bodies(rsm=PAGE, with_jid=slixmpp.JID('nobody@example.org')),
            'until long ago': await self.bodies(rsm=PAGE, end=LONG_AGO),
            'since long ago': len(await self.bodies(rsm=PAGE, start=LONG_AGO)),
            'ids': [result['mam_result']['id'] for result in first['mam']['results']],
            'start': metadata['start']['id'],
            'end': metadata['end']['id'],
            'fields': list(fields.get_fields()),
            'unknown id': await self.failure(rsm={'after': 'no-such-id'}),
        }

    async def bodies(self, **query):
        results = [result async for result in self['xep_0313'].iterate(**query)]
        return [result['mam_result']['forwarded']['stanza']['body'] for result in results]

    async def failure(self, **query):
        try:
            await self['xep_0313'].retrieve(**query)
        except IqError as error:
            return error.condition
        return None


async def main():
    reader = Reader()
    reader.connect((HOST, int(PORT)))
    found = await asyncio.wait_for(reader.found, 60)
    print(json.dumps(found), file=ANSWER, flush=True)
    await reader.disconnect()


asyncio.get_event_loop().run_until_complete(main())
