"""An XMPP client made with slixmpp, driven from outside.

One JSON object per line on standard input says what to do, one per line on standard output says what happened.
It behaves as slixmpp does out of the box: what it answers by itself, it answers here too.
"""

import asyncio
import json
import os
import ssl
import sys
import time
from pathlib import Path

# slixmpp prints to standard output on its own account, so the reports get a descriptor of their own.
REPORTS = os.fdopen(os.dup(1), 'w', encoding='utf-8', buffering=1)
os.dup2(2, 1)

import slixmpp  # noqa: E402
from slixmpp.exceptions import IqError, IqTimeout, PresenceError  # noqa: E402
from slixmpp.xmlstream import tostring  # noqa: E402

JOIN_SECONDS = 20
STANZAS = ('message', 'presence', 'iq')


def report(event, **fields):
    """`at` is in milliseconds since 1970."""
    print(json.dumps({'event': event, 'at': time.time() * 1000, **fields}), file=REPORTS, flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca, mechanism):
        super().__init__(jid, password, sasl_mech=mechanism)
        self.ca_certs = Path(ca)
        self.register_plugin('xep_0030')
        self.register_plugin('xep_0045')
        self.register_plugin('xep_0050')
        self.register_plugin('xep_0191')
        self.register_plugin('xep_0199')
        self.add_filter('in', self.report_stanza)
        self.add_event_handler('session_start', self.on_session_start)
        self.add_event_handler('failed_auth', self.on_failed_auth)
        self.add_event_handler('failed_all_auth', lambda _: report('refused'))
        self.add_event_handler('connection_failed', lambda why: report('unreachable', why=str(why)))
        self.add_event_handler('ssl_invalid_chain', self.on_invalid_chain)
        self.add_event_handler('blocked', lambda iq: report_push('blocked', iq['block']))
        self.add_event_handler('unblocked', lambda iq: report_push('unblocked', iq['unblock']))
        self.add_event_handler('disconnected', lambda why: report('disconnected', why=str(why or '')))

    def report_stanza(self, stanza):
        """Everything that arrives, before slixmpp itself looks at it."""
        if stanza.name in STANZAS:
            report('stanza', xml=tostring(stanza.xml, xmlns=self.default_ns, top_level=False))
        elif stanza.name == 'features':
            report('stream_features', xml=tostring(stanza.xml, xmlns=self.default_ns, top_level=False))
        return stanza

    async def on_session_start(self, _):
        self.send_presence()
        await self.get_roster()
        is_encrypted = isinstance(self.socket, (ssl.SSLSocket, ssl.SSLObject))
        report(
            'session',
            jid=self.boundjid.full,
            mechanism=self['feature_mechanisms'].mech.name,
            encryption=self.socket.version() if is_encrypted else None,
            starttls='starttls' in self.features,
            verified=is_encrypted and self.socket.context.verify_mode == ssl.CERT_REQUIRED,
        )

    def on_failed_auth(self, failure):
        report('failed_auth', condition=failure['condition'])

    def on_invalid_chain(self, error):
        report('untrusted', why=str(error))
        self.abort()


def report_copy(copy, direction):
    message = copy[f'carbon_{direction}']
    report('carbon', direction=direction, **{'from': str(message['from']), 'to': str(message['to'])}, body=message['body'])


def report_push(event, content):
    report(event, jids=sorted(str(jid) for jid in content['items']))


class Driver:
    """Carries out one command after the other, in the order in which they come."""

    def __init__(self):
        self.client = None

    async def login(self, jid, password, ca, host, port, mechanism=None, tls='starttls'):
        self.client = Client(jid, password, ca, mechanism)
        self.client['feature_mechanisms'].unencrypted_plain = tls == 'none'
        self.client.connect((host, port), use_ssl=tls == 'direct', disable_starttls=tls != 'starttls')

    async def join(self, room, nick):
        try:
            await self.client['xep_0045'].join_muc_wait(slixmpp.JID(room), nick, timeout=JOIN_SECONDS)
        except PresenceError as error:
            return report('join_failed', room=room, condition=error.condition)
        except asyncio.TimeoutError:
            return report('join_failed', room=room, condition='timeout')
        occupants = self.client['xep_0045'].get_roster(slixmpp.JID(room))
        report('joined', room=room, occupants=sorted(occupants))

    async def leave(self, room, nick):
        self.client['xep_0045'].leave_muc(slixmpp.JID(room), nick)

    async def send(self, to, body, type='chat', id=None):
        message = self.client.make_message(mto=slixmpp.JID(to), mbody=body, mtype=type)
        if id is not None:
            message['id'] = id
        message.send()

    async def carbons(self):
        """Enables XEP-0280, and reports the copies that slixmpp accepts."""
        self.client.register_plugin('xep_0280')
        for direction in ('received', 'sent'):
            self.client.add_event_handler(f'carbon_{direction}', lambda copy, direction=direction: report_copy(copy, direction))
        await self.client['xep_0280'].enable()
        report('carbons_enabled')

    async def presence(self, to, type):
        self.client.send_presence(pto=to, ptype=type)

    async def disco(self, of):
        info = await self.client['xep_0030'].get_info(slixmpp.JID(of), timeout=JOIN_SECONDS)
        report('features', features=sorted(info['disco_info']['features']))

    async def ping(self, to):
        try:
            await self.client['xep_0199'].send_ping(slixmpp.JID(to), timeout=JOIN_SECONDS)
            report('pong', to=to)
        except IqError as error:
            report('ping_failed', to=to, condition=error.condition, type=error.etype)
        except IqTimeout:
            report('ping_failed', to=to, condition='timeout', type='')

    async def commands(self, of):
        items = await self.client['xep_0050'].get_commands(slixmpp.JID(of), timeout=JOIN_SECONDS)
        report('commands', commands={node: name for _, node, name in items['disco_items']['items']})

    async def command(self, to, node, values):
        """Runs a command, and fills in the form that comes, as a person does."""
        adhoc = self.client['xep_0050']
        try:
            answer = (await adhoc.send_command(slixmpp.JID(to), node, timeout=JOIN_SECONDS))['command']
            asked = {}
            if answer['status'] == 'executing':
                form = answer['form']
                asked = {name: field['type'] for name, field in form.get_fields().items()}
                form['type'] = 'submit'
                form['values'] = values
                actions = answer.xml.find('{%s}actions' % answer.namespace)
                done = await adhoc.send_command(
                    slixmpp.JID(to), node, action=actions.get('execute'), payload=form,
                    sessionid=answer['sessionid'], timeout=JOIN_SECONDS)
                answer = done['command']
        except IqError as error:
            return report('command_failed', node=node, condition=error.condition)
        report(
            'command_done', node=node, asked=asked, status=answer['status'],
            notes=[f'{kind}: {text}' for kind, text in answer['notes']],
            rows=[dict(item) for item in answer['form'].get_items()])

    async def blocklist(self):
        answer = await self.client['xep_0191'].get_blocked(timeout=JOIN_SECONDS)
        report('blocklist', jids=sorted(str(jid) for jid in answer['blocklist']['items']))

    async def block(self, jid):
        await self.client['xep_0191'].block(slixmpp.JID(jid), timeout=JOIN_SECONDS)

    async def unblock(self, jid):
        await self.client['xep_0191'].unblock(slixmpp.JID(jid), timeout=JOIN_SECONDS)

    async def logout(self):
        await self.client.disconnect()

    async def cut(self):
        """Vanishes as a client does whose line breaks: no farewell."""
        self.client.abort()


async def main():
    driver = Driver()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    report('ready', slixmpp=slixmpp.__version__)
    while line := await reader.readline():
        command = json.loads(line)
        await getattr(driver, command.pop('do'))(**command)
    if driver.client is not None and driver.client.is_connected():
        driver.client.abort()


if __name__ == '__main__':
    asyncio.run(main())
