"""A client made with Twisted Words that does what library-program.ts says."""

import sys

from twisted.internet import endpoints, error, reactor, ssl
from twisted.words.protocols.jabber import client, jid, sasl, xmlstream
from twisted.words.xish import domish

JID, PASSWORD, HOST, PORT, AUTHORITIES, CONTACT, ROOM, LINE = sys.argv[1:]
ROSTER = 'jabber:iq:roster'
MUC = 'http://jabber.org/protocol/muc'


def report(event, what=''):
    print(event, what, flush=True) if what else print(event, flush=True)


class Program:
    def __init__(self):
        with open(AUTHORITIES, 'rb') as file:
            authority = ssl.Certificate.loadPEM(file.read())
        me = jid.JID(JID)
        tls = ssl.optionsForClientTLS(me.host, trustRoot=authority)
        self.factory = client.XMPPClientFactory(me, PASSWORD, configurationForTLS=tls)
        self.factory.addBootstrap(xmlstream.STREAM_AUTHD_EVENT, self.on_session)
        self.factory.addBootstrap(xmlstream.INIT_FAILED_EVENT, self.on_failure)
        self.factory.addBootstrap(xmlstream.STREAM_END_EVENT, self.on_end)
        self.exit_code = 1

    def run(self):
        endpoints.HostnameEndpoint(reactor, HOST, int(PORT)).connect(self.factory).addErrback(self.on_failure)
        reactor.run()
        return self.exit_code

    def on_session(self, stream):
        report('session')
        self.stream = stream
        stream.addObserver('/presence', self.on_presence)
        stream.addObserver('/message', self.on_message)
        stream.addObserver(f"/iq[@type='set']/query[@xmlns='{ROSTER}']", self.on_roster_push)
        roster = client.IQ(stream, 'get')
        roster.addElement((ROSTER, 'query'))
        roster.send()
        self.presence()
        self.presence(to=CONTACT, type='subscribe')
        self.presence(MUC, to=ROOM)

    def presence(self, payload=None, **attributes):
        presence = domish.Element((None, 'presence'), attribs=attributes)
        if payload:
            presence.addElement((payload, 'x'))
        self.stream.send(presence)

    def on_presence(self, presence):
        if presence.getAttribute('type') == 'subscribe':
            self.presence(to=presence['from'], type='subscribed')
        if presence['from'] == ROOM and not presence.hasAttribute('type'):
            self.say(jid.JID(ROOM).userhost(), LINE, 'groupchat')

    def on_message(self, message):
        if message.body is None:
            return
        body = str(message.body)
        if message.getAttribute('type') == 'groupchat':
            report('room', body)
            return
        report('chat', body)
        if body == 'quit':
            self.exit_code = 0
            self.stream.sendFooter()
        else:
            self.say(message['from'], body, 'chat')

    def say(self, to, body, kind):
        message = domish.Element((None, 'message'), attribs={'to': to, 'type': kind})
        message.addElement('body', content=body)
        self.stream.send(message)

    def on_roster_push(self, iq):
        for item in iq.query.elements():
            if item.getAttribute('subscription') == 'both':
                report('both', item['jid'])

    def on_failure(self, failure):
        if failure.check(sasl.SASLAuthError):
            report('refused', failure.getErrorMessage())
            self.stop()

    def on_end(self, reason):
        if reason is not None and not reason.check(error.ConnectionDone):
            report('untrusted', repr(reason.value))
        self.stop()

    def stop(self):
        if reactor.running:
            reactor.stop()


sys.exit(Program().run())
