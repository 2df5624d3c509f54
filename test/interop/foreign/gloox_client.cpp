// A client made with gloox that does what library-program.ts says.
// Arguments: JID, password, host, port, file of trusted certificates, contact, room with nick, line for the room.

#include <cstdlib>
#include <iostream>
#include <string>

#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/connectiontcpclient.h>
#include <gloox/gloox.h>
#include <gloox/message.h>
#include <gloox/messagehandler.h>
#include <gloox/mucroom.h>
#include <gloox/mucroomhandler.h>
#include <gloox/rostermanager.h>
#include <gloox/rosteritem.h>
#include <gloox/rosterlistener.h>

using namespace gloox;

static void report(const std::string &event, const std::string &what = "") {
  std::cout << event << (what.empty() ? "" : " ") << what << std::endl;
}

class Program : public ConnectionListener, RosterListener, MessageHandler, MUCRoomHandler {
 public:
  explicit Program(char **arguments)
      : client_(JID(arguments[1]), arguments[2], std::atoi(arguments[4])),
        contact_(arguments[6]),
        room_(&client_, JID(arguments[7]), this),
        line_(arguments[8]) {
    // The client owns its connection; the name to be verified stays that of the domain.
    client_.setConnectionImpl(
        new ConnectionTCPClient(&client_, client_.logInstance(), arguments[3], std::atoi(arguments[4])));
    client_.setTls(TLSRequired);
    client_.setCACerts({arguments[5]});
    client_.registerConnectionListener(this);
    client_.registerMessageHandler(this);
    client_.rosterManager()->registerRosterListener(this, true);
  }

  int run() {
    client_.connect(true);
    return ended_in_order_ ? 0 : 1;
  }

 private:
  void onConnect() override {
    report("session");
    room_.join();
  }

  bool onTLSConnect(const CertInfo &info) override {
    const bool trusted = info.status == CertOk;
    if (!trusted) report("untrusted", std::to_string(info.status));
    return trusted;
  }

  void onDisconnect(ConnectionError error) override {
    ended_in_order_ = error == ConnUserDisconnected;
    if (error == ConnAuthenticationFailed && client_.authError() == SaslNotAuthorized) report("refused", "SaslNotAuthorized");
    else if (!ended_in_order_) report("ended", std::to_string(error) + " " + std::to_string(client_.authError()) + " " + client_.streamErrorText());
  }

  void handleRoster(const Roster &) override { client_.rosterManager()->subscribe(contact_, "", {}, ""); }

  void handleItemSubscribed(const JID &jid) override { checkItem(jid); }
  void handleItemUpdated(const JID &jid) override { checkItem(jid); }
  void handleItemAdded(const JID &) override {}
  void handleItemRemoved(const JID &) override {}
  void handleItemUnsubscribed(const JID &) override {}
  bool handleSubscriptionRequest(const JID &, const std::string &) override { return true; }
  bool handleUnsubscriptionRequest(const JID &, const std::string &) override { return true; }
  void handleNonrosterPresence(const Presence &) override {}
  void handleRosterError(const IQ &) override { report("ended", "roster error"); }
  void handleSelfPresence(const RosterItem &, const std::string &, Presence::PresenceType, const std::string &) override {}
  void handleRosterPresence(const RosterItem &item, const std::string &, Presence::PresenceType type,
                            const std::string &) override {
    if (type == Presence::Available) report("online", item.jidJID().bare());
  }

  void handleMessage(const Message &message, MessageSession *) override {
    if (message.body().empty()) return;
    report("chat", message.body());
    if (message.body() == "quit") client_.disconnect();
    else client_.send(Message(Message::Chat, message.from(), message.body()));
  }

  void handleMUCParticipantPresence(MUCRoom *, const MUCRoomParticipant participant, const Presence &) override {
    if (!(participant.flags & UserSelf)) return;
    report("joined");
    room_.send(line_);
  }
  void handleMUCMessage(MUCRoom *, const Message &message, bool) override { report("room", message.body()); }
  bool handleMUCRoomCreation(MUCRoom *) override { return true; }
  void handleMUCSubject(MUCRoom *, const std::string &, const std::string &) override {}
  void handleMUCInviteDecline(MUCRoom *, const JID &, const std::string &) override {}
  void handleMUCError(MUCRoom *, StanzaError error) override { report("ended", "room error " + std::to_string(error)); }
  void handleMUCInfo(MUCRoom *, int, const std::string &, const DataForm *) override {}
  void handleMUCItems(MUCRoom *, const Disco::ItemList &) override {}

  void checkItem(const JID &jid) {
    const RosterItem *item = client_.rosterManager()->getRosterItem(jid);
    if (item && item->subscription() == S10nBoth) report("both", jid.bare());
  }

  Client client_;
  JID contact_;
  MUCRoom room_;
  std::string line_;
  bool ended_in_order_ = false;
};

int main(int count, char **arguments) {
  if (count != 9) return 2;
  return Program(arguments).run();
}
