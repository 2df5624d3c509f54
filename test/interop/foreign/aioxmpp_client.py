"""A client made with aioxmpp that does what library-program.ts says. At "leave" it leaves the room; at "enter" it comes back."""

import asyncio
import sys

import aioxmpp
import aioxmpp.connector
import aiosasl
import OpenSSL.SSL

JID, PASSWORD, HOST, PORT, AUTHORITIES, CONTACT, ROOM, LINE = sys.argv[1:]
ME = aioxmpp.JID.fromstr(JID)
ROOM_JID = aioxmpp.JID.fromstr(ROOM)


def report(event, what=''):
    print(event, what, flush=True) if what else print(event, flush=True)


def tls_context():
    context = aioxmpp.security_layer.default_ssl_context()
    context.load_verify_locations(AUTHORITIES)
    return context


async def password(_jid, _attempt):
    return PASSWORD


class Program:
    def __init__(self):
        login = aioxmpp.security_layer.PasswordSASLProvider(password, max_auth_attempts=1)
        security = aioxmpp.make_security_layer(password)._replace(
            ssl_context_factory=tls_context, sasl_providers=(login,)
        )
        server = (HOST, int(PORT), aioxmpp.connector.STARTTLSConnector())
        self.client = aioxmpp.PresenceManagedClient(ME, security, override_peer=[server], max_initial_attempts=1)
        self.roster = self.client.summon(aioxmpp.RosterClient)
        self.rooms = self.client.summon(aioxmpp.MUCClient)
        self.room = None
        self.is_over = asyncio.Event()
        self.tasks = set()

    async def run(self):
        self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher).register_callback(
            aioxmpp.MessageType.CHAT, None, self.on_chat
        )
        self.roster.on_subscribe.connect(lambda request: self.roster.approve(request.from_))
        self.roster.on_entry_subscription_state_changed.connect(self.on_subscription)
        try:
            async with self.client.connected():
                report('session')
                self.roster.subscribe(aioxmpp.JID.fromstr(CONTACT))
                await self.enter()
                self.say_in_room(LINE)
                await self.is_over.wait()
        except aiosasl.AuthenticationFailure as error:
            report('refused', str(error))
            return 1
        except OpenSSL.SSL.Error as error:
            report('untrusted', repr(error))
            return 1
        except asyncio.InvalidStateError as error:
            report('untrusted', repr(error.__context__))  # Now and then the library stumbles over the true error.
            return 1
        return 0

    async def enter(self):
        self.room, entered = self.rooms.join(ROOM_JID.bare(), ROOM_JID.resource, autorejoin=False)
        self.room.on_message.connect(self.on_room_message)
        await entered
        report('entered')

    async def leave(self):
        await self.room.leave()
        report('left')

    def say_in_room(self, text):
        message = aioxmpp.Message(type_=aioxmpp.MessageType.GROUPCHAT)
        message.body[None] = text
        self.room.send_message(message)

    def on_room_message(self, message, member, source, **_):
        if message.body and not message.xep0203_delay:
            report('room', message.body.any())

    def on_subscription(self, contact):
        if contact.subscription == 'both':
            report('both', str(contact.jid))

    def on_chat(self, message):
        if not message.body:
            return
        text = message.body.any()
        report('chat', text)
        if text == 'quit':
            self.is_over.set()
        elif text == 'leave':
            self.start(self.leave())
        elif text == 'enter':
            self.start(self.enter())
        else:
            reply = aioxmpp.Message(to=message.from_, type_=aioxmpp.MessageType.CHAT)
            reply.body[None] = text
            self.client.enqueue(reply)

    def start(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def main():
    return await Program().run()  # Its parts must be made inside the loop.


sys.exit(asyncio.run(main()))
