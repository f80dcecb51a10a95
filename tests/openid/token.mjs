// Signs in at a provider by the device flow, with browser.mjs as the browser, and prints the ID token. The argument is the
// issuer.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const issuer = process.argv[2];
const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
const post = async (url, form) => (await fetch(url, { method: 'POST', body: new URLSearchParams(form) })).json();
const asked = await post(metadata.device_authorization_endpoint, { client_id: 'cli', scope: 'openid profile' });
const browser = path.join(path.dirname(fileURLToPath(import.meta.url)), 'browser.mjs');
execFileSync(process.execPath, [browser, asked.verification_uri_complete]);
const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
const answer = await post(metadata.token_endpoint, { client_id: 'cli', grant_type, device_code: asked.device_code });
if (!answer.id_token) throw new Error(JSON.stringify(answer));
console.log(answer.id_token);
