"""A client made with xmpppy that does what library-program.ts says."""

import ssl
import sys
import types

import xmpp

JID, PASSWORD, HOST, PORT, AUTHORITIES, CONTACT, ROOM, LINE = sys.argv[1:]
ME = xmpp.JID(JID)


def report(event, what=''):
    print(event, what, flush=True) if what else print(event, flush=True)


class VerifyingContext(ssl.SSLContext):
    """The library verifies nothing by itself."""

    def wrap_socket(self, sock):
        self.verify_mode = ssl.CERT_REQUIRED
        self.check_hostname = True
        self.load_verify_locations(AUTHORITIES)
        return super().wrap_socket(sock, server_hostname=ME.getDomain())


xmpp.transports.ssl = types.SimpleNamespace(**{**vars(ssl), 'SSLContext': VerifyingContext})


class Program:
    def __init__(self):
        self.client = xmpp.Client(ME.getDomain(), debug=['sasl'])
        self.is_over = False

    def run(self):
        try:
            self.client.connect((HOST, int(PORT)), use_srv=False)
        except ssl.SSLCertVerificationError as error:
            report('untrusted', str(error))
            return 1
        if not self.client.auth(ME.getNode(), PASSWORD, ME.getResource()):
            report('refused', self.client.SASL.startsasl)
            return 1
        report('session')
        self.client.RegisterHandler('presence', self.on_presence)
        self.client.RegisterHandler('message', self.on_message)
        self.client.RegisterHandler('iq', self.on_roster_push, 'set', xmpp.NS_ROSTER)
        self.client.sendInitPresence()
        self.client.getRoster().Subscribe(CONTACT)
        self.client.send(xmpp.Presence(to=ROOM, payload=[xmpp.Node('x', attrs={'xmlns': xmpp.NS_MUC})]))
        while not self.is_over and self.client.Process(1) is not None:
            pass
        self.client.disconnect()
        return 0 if self.is_over else 1

    def on_presence(self, _, presence):
        if presence.getType() == 'subscribe':
            self.client.getRoster().Authorize(presence.getFrom())
        if presence.getFrom() == ROOM and presence.getType() is None:
            self.client.send(xmpp.Message(xmpp.JID(ROOM).getStripped(), LINE, 'groupchat'))

    def on_message(self, _, message):
        if message.getBody() is None:
            return
        if message.getType() == 'groupchat':
            report('room', message.getBody())
            return
        report('chat', message.getBody())
        if message.getBody() == 'quit':
            self.is_over = True
        else:
            self.client.send(xmpp.Message(message.getFrom(), message.getBody(), 'chat'))

    def on_roster_push(self, _, iq):
        for item in iq.getQueryChildren():
            if item.getAttr('subscription') == 'both':
                report('both', item.getAttr('jid'))


sys.exit(Program().run())
