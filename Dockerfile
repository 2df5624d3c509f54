# The last image has the compiled server, without sources and tools.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
# The image has Node, so the Node among the optional dependencies is left out.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /opt/enjamb
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/bin ./bin
COPY --from=build /build/package.json /build/enjamb.example.toml ./
RUN ln -s /opt/enjamb/bin/enjamb.js /usr/local/bin/enjamb \
  && install --directory --owner=node --group=node --mode=0700 /var/lib/enjamb \
  && install --directory --owner=node --group=node --mode=0700 /var/lib/enjamb/data /var/lib/enjamb/certs

# The folder of enjamb.toml (optional). By default, data/ and certs/ are in it.
WORKDIR /var/lib/enjamb
USER node
VOLUME ["/var/lib/enjamb/data", "/var/lib/enjamb/certs"]

# Clients (STARTTLS, TLS), servers (STARTTLS, TLS).
EXPOSE 5222 5223 5269 5270

# A working server answers on its admin socket.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
  CMD ["enjamb", "module", "list", "--json"]

CMD ["enjamb", "start"]
