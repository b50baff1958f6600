# Not built in this project's own checks: they have no container engine. Written for a current BuildKit.

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY server/package.json server/package.json
COPY server/bin server/bin
COPY client/package.json client/package.json
COPY verifier/package.json verifier/package.json
COPY bench/package.json bench/package.json
RUN npm ci --no-fund --no-audit
COPY tsconfig.base.json LICENSE ./
COPY tools tools
COPY client client
COPY verifier verifier
COPY server server
RUN node tools/build.ts --package

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /src/dist/latchkey ./
# All that is not in the package's own files is native code.
COPY --from=build /src/node_modules/@node-rs node_modules/@node-rs
RUN ln -s /app/bin/latchkey /usr/local/bin/latchkey \
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
