// aws-jwt-verify beside Node's own crypto.verify, on tokens from a JSON file, in rounds that take turns.
//
//     node verify.cjs FOLDER_WITH_NODE_MODULES TOKENS.json
//
// Prints {"seconds": {"aws-jwt-verify, 1.0 KB": median, ...}, "node": version, "library": version}.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const [folder, file] = process.argv.slice(2);
const library = path.join(path.resolve(folder), "node_modules", "aws-jwt-verify");
const { CognitoJwtVerifier } = require(library);
const asked = JSON.parse(fs.readFileSync(file, "utf8"));

// V8 compiles what has run often enough; a server has been through that.
const WARM_UP_CALLS = 3000;
const BATCH = 50;

const verifier = CognitoJwtVerifier.create({
  userPoolId: asked.userPoolId,
  tokenUse: "access",
  clientId: asked.clientId,
});
verifier.cacheJwks(asked.jwks);

for (const bad of asked.bad) {
  let accepted = true;
  try {
    verifier.verifySync(bad);
  } catch {
    accepted = false;
  }
  if (accepted) throw new Error("aws-jwt-verify accepts a token that it should refuse");
}

const publicKey = crypto.createPublicKey(asked.publicKey);

function parts(token) {
  const at = token.lastIndexOf(".");
  return [Buffer.from(token.slice(0, at)), Buffer.from(token.slice(at + 1), "base64url")];
}

function bare([text, signature]) {
  if (!crypto.verify("RSA-SHA256", text, publicKey, signature)) throw new Error("refused");
}

const variants = [];
for (const [size, tokens] of Object.entries(asked.tokens)) {
  variants.push({ name: `Node's bare crypto.verify, ${size}`, call: bare, all: tokens.map(parts) });
  variants.push({ name: `aws-jwt-verify, ${size}`, call: (token) => verifier.verifySync(token), all: tokens });
}

function sample({ call, all }, count, first) {
  const started = process.hrtime.bigint();
  for (let i = 0; i < count; i++) call(all[(first + i) % all.length]);
  return Number(process.hrtime.bigint() - started) / count / 1e9;
}

for (const each of variants) {
  sample(each, WARM_UP_CALLS, 0);
  each.values = [];
}
for (let round = 0; round < asked.rounds; round++) {
  for (const each of variants) each.values.push(sample(each, BATCH, round * BATCH));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

console.log(
  JSON.stringify({
    seconds: Object.fromEntries(variants.map((each) => [each.name, median(each.values)])),
    node: process.version,
    library: JSON.parse(fs.readFileSync(path.join(library, "package.json"), "utf8")).version,
  }),
);
