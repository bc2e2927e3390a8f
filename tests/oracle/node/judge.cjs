// aws-jwt-verify as a judge: one JSON line in, one JSON line out.
//
//     node judge.cjs FOLDER_WITH_NODE_MODULES
//
// The first line is the pool: {userPoolId, clientId, jwks, replicas, graceSeconds}. Each later line is a list of
// [tokenUse, token]; the answer is a list of what was read: the payload, or the reason of a refusal as a string.
"use strict";

const path = require("node:path");
const readline = require("node:readline");

const library = path.join(path.resolve(process.argv[2]), "node_modules", "aws-jwt-verify");
const { CognitoJwtVerifier, JwtRsaVerifier } = require(library);
const { validateCognitoJwtFields } = require(path.join(library, "dist", "cjs", "cognito-verifier.js"));

let verifiers;

function build(pool) {
  const made = {};
  for (const tokenUse of ["access", "id"]) {
    const expected = { tokenUse, clientId: pool.clientId };
    const cognito = CognitoJwtVerifier.create({
      userPoolId: pool.userPoolId,
      graceSeconds: pool.graceSeconds,
      ...expected,
    });
    cognito.cacheJwks(pool.jwks);
    // It derives no replica's issuer (its issue 282), so these get its general verifier with Cognito's checks.
    const general = pool.replicas.map((issuer) => {
      const verifier = JwtRsaVerifier.create({
        issuer,
        audience: null,
        jwksUri: issuer + "/.well-known/jwks.json",
        graceSeconds: pool.graceSeconds,
        customJwtCheck: ({ payload }) => validateCognitoJwtFields(payload, expected),
      });
      verifier.cacheJwks(pool.jwks);
      return verifier;
    });
    made[tokenUse] = [cognito, ...general];
  }
  return made;
}

function judge([tokenUse, token]) {
  let reason;
  for (const verifier of verifiers[tokenUse]) {
    try {
      return verifier.verifySync(token);
    } catch (error) {
      reason = reason ?? `${error.name}: ${error.message}`;
    }
  }
  return reason;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const asked = JSON.parse(line);
  if (verifiers === undefined) {
    verifiers = build(asked);
    process.stdout.write("[]\n");
  } else {
    process.stdout.write(JSON.stringify(asked.map(judge)) + "\n");
  }
});
