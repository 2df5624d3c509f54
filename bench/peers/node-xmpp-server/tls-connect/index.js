// The published package hands its certificate to TLS by an option that Node no longer knows.

const { TLSSocket } = require('node:tls');

module.exports = ({ socket, credentials, isServer }, isSecure) => {
  const secure = new TLSSocket(socket, { isServer, secureContext: credentials });
  secure.once('secure', isSecure);
  return secure;
};
