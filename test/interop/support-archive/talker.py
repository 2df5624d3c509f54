"""A client made with slixmpp that talks while its server is killed, driven by talker.ts.

It is also the client that comes back to its archive after an absence. It resumes when it can (XEP-0198 §5). What the server has not acknowledged when that fails, it sends again. With an archive,
it asks for what came after the last id that it knows before it becomes available (XEP-0313 §4.1).
"""

import asyncio
import collections
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'support'))

import slixmpp_client  # noqa: E402
import slixmpp  # noqa: E402
from slixmpp.exceptions import IqError  # noqa: E402
from slixmpp_client import report  # noqa: E402

RETRY_SECONDS = 0.2
ASK_SECONDS = 0.1
# After which it is started anew: now and then slixmpp does not come back when a connection breaks while it logs in.
STUCK_SECONDS = 12
PAGE = 50
STANZA_ID = '{urn:xmpp:sid:0}stanza-id'
RETRACT = '{urn:xmpp:message-retract:1}retract'
RETRACTED = '{urn:xmpp:message-retract:1}retracted'
DELAY = '{urn:xmpp:delay}delay'


class Unacknowledged(collections.deque):
    """slixmpp 1.8.3 empties its queue when it asks to resume, and so would lose what the queue holds."""

    def __init__(self):
        super().__init__()
        self.forgotten = []

    def clear(self):
        self.forgotten = list(self)
        super().clear()

    def restore(self):
        self.extend(self.forgotten)


class Talker(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca, server, resumes, archive, last):
        super().__init__(jid, password, sasl_mech='SCRAM-SHA-256')
        self.ca_certs = Path(ca)
        self.where = server
        self.account = slixmpp.JID(jid).bare  # slixmpp forgets its bound address when a login is broken off.
        self.has_archive = archive
        self.pending = {}
        self.last = last
        self.is_up = False
        self.down_since = time.monotonic()
        self.is_over = False
        self.stream_management = None
        self.register_plugin('xep_0313')
        if resumes:
            self.register_plugin('xep_0198')
            self.stream_management = self['xep_0198']
            self.stream_management.unacked_queue = Unacknowledged()
            self.add_filter('out_sync', self.keep_queue)
        self.add_event_handler('session_start', self.on_session_start)
        self.add_event_handler('session_resumed', self.on_resumed)
        self.add_event_handler('stanza_acked', self.on_acked)
        self.add_event_handler('message', self.on_message)
        self.add_event_handler('message_error', self.on_error)
        self.add_event_handler('disconnected', self.come_back)
        self.add_event_handler('connection_failed', self.hurry)

    def keep_queue(self, stanza):
        if stanza.name == 'resume':
            self.stream_management.unacked_queue.restore()
        return stanza

    async def on_session_start(self, _):
        if self.has_archive:
            await self.catch_up()
        self.send_presence()
        self.up(resumed=False)
        for id in list(self.pending):
            report('resent', id=id)
            self.post(id)

    def on_resumed(self, _):
        self.up(resumed=True)
        tracked = [stanza['id'] for _, stanza in self.stream_management.unacked_queue]
        for id in list(self.pending):
            if id not in tracked:
                self.post(id)

    def up(self, resumed):
        self.is_up = True
        report('up', resumed=resumed)

    def say(self, to, id):
        self.pending[id] = to
        if self.is_up:
            self.post(id)

    def post(self, id):
        message = self.make_message(mto=slixmpp.JID(self.pending[id]), mbody=id, mtype='chat')
        message['id'] = id
        message.send()

    def on_acked(self, stanza):
        if self.pending.pop(stanza['id'], None) is not None:
            report('acked', id=stanza['id'])

    def on_message(self, message):
        if message['type'] == 'chat' and (message['body'] or message.xml.find(RETRACT) is not None):
            self.got(message.xml, self.id_by_account(message.xml), 'live')

    def got(self, xml, stanza_id, way):
        self.last = stanza_id or self.last
        delayed = xml.find(DELAY) is not None
        kind = 'retraction' if xml.find(RETRACT) is not None else 'tombstone' if xml.find(RETRACTED) is not None else 'text'
        fields = {'stanza_id': stanza_id, 'way': way, 'delayed': delayed, 'kind': kind}
        report('got', id=xml.get('id'), sender=xml.get('from'), **fields)

    def id_by_account(self, xml):
        ids = [it.get('id') for it in xml.findall(STANZA_ID) if it.get('by') == self.account]
        return ids[0] if ids else None

    def on_error(self, message):
        report('error', id=message['id'], condition=message['error']['condition'])

    async def catch_up(self):
        """XEP-0313 §4.1: pages after the last known id; everything in a new profile, or if the archive has lost that."""
        complete = False
        while not complete:
            rsm = {'max': PAGE, **({'after': self.last} if self.last else {})}
            try:
                answer = await self['xep_0313'].retrieve(rsm=rsm, timeout=60)
            except IqError as error:
                if error.condition != 'item-not-found' or not self.last:
                    raise
                report('lost', id=self.last)
                self.last = None
                continue
            for result in answer['mam']['results']:
                content = result['mam_result']
                message = content['forwarded']['stanza'].xml
                self.got(message, content['id'], 'archive')
            complete = answer.xml.find('{urn:xmpp:mam:2}fin').get('complete') == 'true'

    def hurry(self, _):
        self._connect_loop_wait = 0
        self.loop.call_soon(self.shorten_wait)

    def shorten_wait(self):
        """Its pause between two attempts grows up to five minutes."""
        self.cancel_connection_attempt()
        self.loop.call_later(RETRY_SECONDS, self.begin)

    async def come_back(self, _):
        if self.is_up:
            self.down_since = time.monotonic()
        self.is_up = False
        report('down')
        if not self.is_over:
            self.loop.call_later(RETRY_SECONDS, self.begin)

    def begin(self):
        if not self.is_over:
            self.connect(self.where)

    def ask(self):
        """slixmpp asks for an acknowledgement after each fifth stanza only."""
        if self.is_up and self.is_connected() and self.pending and self.stream_management:
            self.stream_management.request_ack()

    @property
    def is_stuck(self):
        return not self.is_up and not self.is_over and time.monotonic() - self.down_since > STUCK_SECONDS


class Driver:
    def __init__(self):
        self.talker = None
        self.options = None
        self.watching = None

    async def login(self, jid, password, ca, host, port, resumes, archive, last=None):
        self.options = (jid, password, ca, (host, port), resumes, archive)
        self.talker = Talker(*self.options, last)
        self.talker.begin()
        self.watching = asyncio.ensure_future(self.watch())

    async def watch(self):
        while True:
            await asyncio.sleep(ASK_SECONDS)
            self.talker.ask()
            if self.talker.is_stuck:
                self.begin_anew()

    def begin_anew(self):
        old = self.talker
        old.is_over = True
        old.cancel_connection_attempt()
        old.abort()
        report('stuck')
        self.talker = Talker(*self.options, old.last)
        self.talker.pending = old.pending
        self.talker.begin()

    async def say(self, to, id):
        self.talker.say(to, id)

    async def cut(self):
        self.talker.abort()

    async def logout(self):
        self.talker.is_over = True
        await self.talker.disconnect()


async def main():
    driver = Driver()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    report('ready')
    while line := await reader.readline():
        command = json.loads(line)
        await getattr(driver, command.pop('do'))(**command)


if __name__ == '__main__':
    asyncio.run(main())
