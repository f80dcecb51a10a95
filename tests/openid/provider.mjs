// An OpenID provider for tests on a free port of this machine. Whoever opens an address of it is signed in at once, as the
// user that the second argument names; the first is the folder of tools. Prints its issuer. With two more, the files of a
// certificate and its key, it is reached by https as localhost.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

// Notices of the provider go to standard error: whoever started this may close standard output once it has the issuer,
// and a write to a closed pipe would end the process.
console.info = console.error;

const tools = process.argv[2];
const user = process.argv[3];
const found = createRequire(path.join(tools, 'openid', 'package.json')).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(found));

const [certificate, key] = process.argv.slice(4);
const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http.createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const host = certificate ? 'https://localhost' : 'http://127.0.0.1';
const issuer = `${host}:${server.address().port}`;

const client = (client_id) => ({
  client_id,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/callback'],
  response_types: ['code'],
  grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
});

const provider = new Provider(issuer, {
  clients: [client('cli'), client('other')],
  claims: { openid: ['sub', 'amr'], profile: ['preferred_username', 'groups'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ['for tests'] },
  ttl: { Interaction: 60, Session: 60, Grant: 60, IdToken: 300, AccessToken: 60, DeviceCode: 60, AuthorizationCode: 60 },
  async findAccount(_ctx, id) {
    return { accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: ['staff'] }) };
  },
});

// Signs in and consents, whatever is asked.
async function interact(request, response) {
  const { prompt, params, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: user, amr: ['pwd', 'otp'] } });
    return;
  }
  const grant = (grantId && (await provider.Grant.find(grantId)))
    || new provider.Grant({ accountId: user, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

const callback = provider.callback();
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) return callback(request, response);
  return interact(request, response).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
});
console.log(issuer);
