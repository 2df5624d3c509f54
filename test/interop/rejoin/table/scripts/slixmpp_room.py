"""A program in a room, made with slixmpp and its plugin for XEP-0045. What it reads and prints: ../scripted.ts."""

import asyncio
import json
import os
import sys
from pathlib import Path

# slixmpp prints to standard output on its own account, so the reports get a descriptor of their own.
REPORTS = os.fdopen(os.dup(1), 'w', encoding='utf-8', buffering=1)
os.dup2(2, 1)

import slixmpp  # noqa: E402

ACCOUNT = json.loads(sys.argv[1])
ROOM = slixmpp.JID(ACCOUNT['room'])
NICK = ACCOUNT['nick']


def report(event, what):
    print(json.dumps({'event': event, 'what': what}), file=REPORTS, flush=True)


class Program(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(ACCOUNT['jid'], ACCOUNT['password'])
        self.ca_certs = Path(ACCOUNT['ca'])
        self.rooms = self.register_plugin('xep_0045') or self['xep_0045']
        self.register_plugin('xep_0199')
        self.add_event_handler('session_start', self.on_start)
        self.add_event_handler('groupchat_message', self.on_message)
        self.add_event_handler('groupchat_subject', lambda it: report('told', f"subject: {it['subject']}"))
        self.add_event_handler('groupchat_message_error', lambda it: report('told', f'message error: {it}'))
        self.add_event_handler(f'muc::{ROOM}::presence-error', lambda it: report('told', f'presence error: {it}'))
        self.add_event_handler(f'muc::{ROOM}::got_online', lambda it: report('told', f"online: {it['muc']['nick']}"))
        self.add_event_handler(f'muc::{ROOM}::got_offline', lambda it: report('told', f"offline: {it['muc']['nick']}"))
        self.add_event_handler('disconnected', lambda why: report('told', f'disconnected: {why}'))

    async def on_start(self, _):
        self.send_presence()
        await self.get_roster()
        await self.rooms.join_muc_wait(ROOM, NICK, timeout=60)
        report('in', '')

    def on_message(self, message):
        report('talk', message['body'])

    def obey(self, do, text=''):
        if do == 'say':
            self.send_message(ROOM, text, mtype='groupchat')
        elif do == 'people':
            report('people', self.rooms.get_roster(ROOM))


async def main():
    program = Program()
    program.connect((ACCOUNT['host'], ACCOUNT['port']))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        program.obey(**json.loads(line))
    program.abort()


asyncio.run(main())
