// A client made with QXmpp that does what library-program.ts says.

#include <QCoreApplication>
#include <QFile>
#include <QSslCertificate>
#include <QSslError>
#include <QTextStream>

#include <QXmppClient.h>
#include <QXmppConfiguration.h>
#include <QXmppMessage.h>
#include <QXmppMucManager.h>
#include <QXmppRosterManager.h>

static void report(const QString &event, const QString &what = QString()) {
  QTextStream out(stdout);
  out.setCodec("UTF-8");
  out << event << (what.isEmpty() ? "" : " ") << what << '\n';
}

static QXmppConfiguration configurationOf(const QStringList &arguments) {
  QXmppConfiguration configuration;
  configuration.setJid(arguments[1]);
  configuration.setPassword(arguments[2]);
  configuration.setHost(arguments[3]);
  configuration.setPort(arguments[4].toInt());
  configuration.setCaCertificates(QSslCertificate::fromPath(arguments[5]));
  configuration.setStreamSecurityMode(QXmppConfiguration::TLSRequired);
  configuration.setIgnoreSslErrors(false);
  configuration.setAutoReconnectionEnabled(false);
  configuration.setAutoAcceptSubscriptions(true);
  return configuration;
}

int main(int count, char **values) {
  QCoreApplication application(count, values);
  const QStringList arguments = application.arguments();
  if (arguments.size() != 9) return 2;
  const QString contact = arguments[6];
  const QString line = arguments[8];

  QXmppClient client;
  QXmppMucManager rooms;
  client.addExtension(&rooms);
  QXmppRosterManager *roster = client.findExtension<QXmppRosterManager>();
  QXmppMucRoom *room = rooms.addRoom(arguments[7].section('/', 0, 0));
  room->setNickName(arguments[7].section('/', 1));
  int exitCode = 1;

  QObject::connect(&client, &QXmppClient::connected, [&] {
    report("session");
    roster->subscribe(contact);
    room->join();
  });
  QObject::connect(roster, &QXmppRosterManager::itemChanged, [&](const QString &jid) {
    if (roster->getRosterEntry(jid).subscriptionType() == QXmppRosterIq::Item::Both) report("both", jid);
  });
  QObject::connect(room, &QXmppMucRoom::joined, [&] { room->sendMessage(line); });
  QObject::connect(room, &QXmppMucRoom::messageReceived,
                   [](const QXmppMessage &message) { report("room", message.body()); });
  QObject::connect(&client, &QXmppClient::messageReceived, [&](const QXmppMessage &message) {
    if (message.type() != QXmppMessage::Chat || message.body().isEmpty()) return;
    report("chat", message.body());
    if (message.body() == "quit") {
      exitCode = 0;
      client.disconnectFromServer();
    } else {
      client.sendMessage(message.from(), message.body());
    }
  });
  QObject::connect(&client, &QXmppClient::sslErrors, [](const QList<QSslError> &errors) {
    for (const QSslError &error : errors) report("untrusted", error.errorString());
  });
  QObject::connect(&client, &QXmppClient::error, [&](QXmppClient::Error) {
    if (client.xmppStreamError() == QXmppStanza::Error::NotAuthorized) report("refused", "NotAuthorized");
    else report("ended", QString::number(client.xmppStreamError()) + " " + client.socketErrorString());
  });
  QObject::connect(&client, &QXmppClient::disconnected, [&] { application.exit(exitCode); });

  client.connectToServer(configurationOf(arguments));
  return application.exec();
}
