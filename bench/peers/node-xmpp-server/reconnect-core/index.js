// node-xmpp-core depends on a fork of reconnect-core whose tarball is gone. The published package makes an emitter of
// its own, where the fork uses the connection that it is given: with it a server never sees a byte. This is as much of
// the fork as a server needs: it takes sockets over, and never dials again.

module.exports = (createConnection) => (options) => {
  const { emitter } = options;
  let socket;

  emitter.connect = emitter.listen = (...args) => {
    emitter.emit('reconnect', 0, 0);
    socket = createConnection.apply(emitter, args);
    const isOpen = () => {
      emitter.connected = true;
      emitter.emit('connect', socket);
      emitter.emit('connection', socket);
    };
    const isClosed = () => {
      if (!emitter.connected) return;
      emitter.connected = false;
      emitter.emit('disconnect');
    };
    socket.on('error', isClosed).on('close', isClosed).on('end', isClosed);
    // A socket that was accepted is open already; one that becomes TLS says when it is.
    if (socket.readyState === 'open' && !socket.encrypted) isOpen();
    else socket.once('connect', isOpen);
    return emitter;
  };

  emitter.end = emitter.disconnect = () => socket?.end();
  return emitter;
};
