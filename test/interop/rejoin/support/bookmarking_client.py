"""The client of ../../support that can also bookmark a room for other clients of its user (XEP-0048 §3, XEP-0049)."""

import asyncio
import sys
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / 'support'))

import slixmpp_client  # noqa: E402
from slixmpp_client import report  # noqa: E402

NS_PRIVATE = 'jabber:iq:private'
NS_BOOKMARKS = 'storage:bookmarks'


class Driver(slixmpp_client.Driver):
    async def bookmark(self, room, nick):
        query = ElementTree.Element(f'{{{NS_PRIVATE}}}query')
        storage = ElementTree.SubElement(query, f'{{{NS_BOOKMARKS}}}storage')
        conference = ElementTree.SubElement(
            storage, f'{{{NS_BOOKMARKS}}}conference', {'jid': room, 'autojoin': 'true', 'name': 'Orchard'})
        ElementTree.SubElement(conference, f'{{{NS_BOOKMARKS}}}nick').text = nick
        request = self.client.make_iq_set(query)
        await request.send(timeout=20)
        report('bookmarked')


slixmpp_client.Driver = Driver

if __name__ == '__main__':
    asyncio.run(slixmpp_client.main())
