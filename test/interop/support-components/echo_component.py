"""A component made with slixmpp: answers whoever writes to it with the same words, and lets everybody into its rooms.

Arguments: domain, secret, address, port. Prints "ready" once it is let in, and "gone" with the reason when it is not.
"""

import asyncio
import sys

import slixmpp


class Echo(slixmpp.ComponentXMPP):
    def __init__(self, domain, secret, host, port):
        super().__init__(domain, secret, host, port)
        self.register_plugin('xep_0030')
        self.register_plugin('xep_0092')
        self.register_plugin('xep_0199')
        self['xep_0030'].add_identity(category='client', itype='bot', name='Echo')
        self.add_event_handler('session_start', lambda _: print('ready', flush=True))
        self.add_event_handler('disconnected', lambda why: print('gone', why, flush=True))
        self.add_event_handler('stream_error', lambda error: print('error', error['condition'], flush=True))
        self.add_event_handler('message', self.on_message)

    def on_message(self, message):
        if message['type'] in ('chat', 'normal'):
            message.reply(message['body'].upper()).send()


echo = Echo(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
echo.connect()
asyncio.get_event_loop().run_forever()
