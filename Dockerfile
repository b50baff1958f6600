# Not built in this project's own checks: they have no container engine. Written for a current BuildKit.

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY server/package.json server/package.json
COPY server/bin server/bin
COPY client/package.json client/package.json
COPY verifier/package.json verifier/package.json
COPY bench/package.json bench/package.json
# The compiler is all that the build needs beside what the server itself needs.
RUN npm ci --no-fund --no-audit
COPY tsconfig.base.json ./
COPY server server
RUN node_modules/.bin/tsc -b server

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY server/package.json server/package.json
COPY server/bin server/bin
COPY client/package.json client/package.json
COPY verifier/package.json verifier/package.json
COPY bench/package.json bench/package.json
RUN npm ci --omit=dev --workspace=latchkey --no-fund --no-audit

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY server/package.json server/package.json
COPY server/bin server/bin
COPY server/migrations server/migrations
COPY server/demo server/demo
COPY --from=build /src/server/dist server/dist
RUN ln -s /app/server/bin/latchkey /usr/local/bin/latchkey \
  && install -d -o node -g node -m 0700 /var/lib/latchkey
USER node
# The embedded store and its secret are below the working directory: mount a volume there.
WORKDIR /var/lib/latchkey
VOLUME /var/lib/latchkey
ENV LATCHKEY_LISTEN_HOST=0.0.0.0
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["latchkey"]
CMD ["serve"]
