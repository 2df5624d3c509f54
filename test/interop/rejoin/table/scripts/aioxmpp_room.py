"""A program in a room, made with aioxmpp and its MUCClient. What it reads and prints: ../scripted.ts."""

import asyncio
import json
import sys

import aioxmpp
import aioxmpp.connector

ACCOUNT = json.loads(sys.argv[1])


def report(event, what):
    print(json.dumps({'event': event, 'what': what}), flush=True)


def tls_context():
    context = aioxmpp.security_layer.default_ssl_context()
    context.load_verify_locations(ACCOUNT['ca'])
    return context


async def password(_jid, _attempt):
    return ACCOUNT['password']


class Program:
    def __init__(self):
        security = aioxmpp.make_security_layer(password)._replace(ssl_context_factory=tls_context)
        server = (ACCOUNT['host'], ACCOUNT['port'], aioxmpp.connector.STARTTLSConnector())
        jid = aioxmpp.JID.fromstr(ACCOUNT['jid'])
        self.client = aioxmpp.PresenceManagedClient(jid, security, override_peer=[server])
        self.rooms = self.client.summon(aioxmpp.MUCClient)
        self.room = None

    async def enter(self):
        self.room, entered = self.rooms.join(aioxmpp.JID.fromstr(ACCOUNT['room']), ACCOUNT['nick'])
        self.room.on_message.connect(self.on_message)
        for name in (
            'on_join', 'on_leave', 'on_enter', 'on_exit', 'on_muc_enter', 'on_muc_suspend', 'on_muc_resume',
            'on_muc_stale', 'on_muc_fresh', 'on_topic_changed', 'on_nick_changed', 'on_muc_role_changed',
            'on_muc_affiliation_changed',
        ):
            getattr(self.room, name).connect(self.teller(name))
        await entered
        report('in', '')

    def teller(self, name):
        def tell(*args, **_):
            who = [str(getattr(arg, 'nick', '')) for arg in args]
            report('told', ' '.join([name, *filter(None, who)]))
        return tell

    def on_message(self, message, _member, _source, **_):
        if message.body:
            report('talk', message.body.any())

    def obey(self, do, text=''):
        if do == 'say':
            message = aioxmpp.Message(type_=aioxmpp.MessageType.GROUPCHAT)
            message.body[None] = text
            self.room.send_message(message)
        elif do == 'people':
            report('people', [member.nick for member in self.room.members])


async def main():
    program = Program()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with program.client.connected():
        await program.enter()
        while line := await reader.readline():
            program.obey(**json.loads(line))


asyncio.run(main())
