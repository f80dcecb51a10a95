// A client of bailiwick in JavaScript: node example.js ADDRESS OPERATOR_FILE, by run.sh, which says where packages are.
'use strict';

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const DEADLINE = 10_000; // Milliseconds, of each call.
const CONSISTENCY_TOKEN = 'bailiwick-consistency-token';

const contract = loadSync(
  ['account', 'directory', 'member', 'token'].map((noun) => `bailiwick/directory/v1/${noun}.proto`),
  { includeDirs: [path.join(__dirname, '../../../proto')], keepCase: true, longs: String, enums: String },
);
const details = loadSync(['status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [__dirname, path.join(__dirname, '../../../proto')],
  keepCase: true,
});
const { bailiwick } = grpc.loadPackageDefinition(contract);

/** Calls a unary method: { answer, token }, the latter the consistency token of a change. */
function call(client, method, request, metadata = {}) {
  const sent = new grpc.Metadata();
  Object.entries(metadata).forEach(([key, value]) => sent.set(key, value));
  return new Promise((resolve, reject) => {
    let token;
    client[method](request, sent, { deadline: Date.now() + DEADLINE }, (error, answer) =>
      error ? reject(error) : resolve({ answer, token }),
    ).on('metadata', (received) => ([token] = received.get(CONSISTENCY_TOKEN)));
  });
}

/** The details of a failed call, by their type. */
function explain(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const known = details['google.rpc.Status'].deserialize(bytes).details.map(({ type_url: url, value }) => {
    const type = url.split('/').pop();
    return [type, details[type]?.deserialize(value)];
  });
  return Object.fromEntries(known);
}

/** Makes a call that must fail; returns its error. */
async function refused(...of) {
  const outcome = await call(...of).catch((error) => error);
  assert(outcome instanceof Error, `not refused: ${of[1]}`);
  return outcome;
}

/** The same unary method from a browser's side: grpc-web, on the same port, by HTTP/1.1. */
async function callFromBrowser(address, method, request, metadata) {
  const message = method.requestSerialize(request);
  const frame = Buffer.alloc(5 + message.length); // No compression, length, message.
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  const response = await fetch(`http://${address}${method.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', ...metadata },
    body: frame,
    signal: AbortSignal.timeout(DEADLINE),
  });
  assert.equal(response.status, 200);
  let answer;
  let trailers = '';
  let body = Buffer.from(await response.arrayBuffer());
  while (body.length > 0) {
    const end = 5 + body.readUInt32BE(1);
    if (body[0] & 0x80) trailers = body.toString('latin1', 5, end);
    else answer = method.responseDeserialize(body.subarray(5, end));
    body = body.subarray(end);
  }
  assert.match(trailers, /^grpc-status: ?0\r?$/m);
  return answer;
}

async function main(address, operatorFile) {
  // Where the gateway has a certificate: grpc.credentials.createSsl(ca).
  const client = (service) => new service(address, grpc.credentials.createInsecure());
  const { AccountService, DirectoryService, MemberService, TokenService } = bailiwick.directory.v1;
  const [accounts, members] = [client(AccountService), client(MemberService)];
  const signIn = async ({ access_key_id, secret }) => {
    const { answer } = await call(client(TokenService), 'CreateToken', { access_key_id, secret });
    return { authorization: `Bearer ${answer.access_token}` };
  };

  // The operator of the platform registers an account, attests whose it is, and hands out its first key.
  const operator = await signIn(JSON.parse(fs.readFileSync(operatorFile, 'utf8')));
  const fresh = { display_name: 'node', provider: 'aliyun', external_id: `node-${randomUUID()}` };
  const { answer: account } = await call(accounts, 'CreateAccount', { account: fresh }, operator);
  const enterprise_identity = { legal_name: 'Example', registration_number: '1', verifier: 'example' };
  await call(accounts, 'VerifyEnterpriseIdentity', { name: account.name, enterprise_identity }, operator);
  const { answer: key } = await call(accounts, 'CreateRootAccessKey', { account: account.name }, operator);

  // The account enables a directory, and is its management account from then on.
  const root = await signIn(key);
  const enabled = await call(client(DirectoryService), 'CreateDirectory', { account: account.name }, root);
  const parent = enabled.answer.name;

  // A request with an id may be repeated: whoever did not see the answer sends it again.
  const request = { parent, member: { display_name: 'first' }, request_id: randomUUID() };
  const { answer: first } = await call(members, 'CreateMember', request, root);
  const { answer: again } = await call(members, 'CreateMember', request, root);
  assert.deepEqual(first, again);

  // An answer to a change carries a token: whoever sends it back sees that change, wherever the call is served.
  const change = await call(members, 'CreateMember', { parent, member: { display_name: 'second' } }, root);
  assert(change.token);
  const seen = { ...root, [CONSISTENCY_TOKEN]: change.token };
  const listed = [];
  let page_token = '';
  do {
    const { answer } = await call(members, 'ListMembers', { parent, page_size: 1, page_token }, seen);
    assert(answer.members.length <= 1);
    listed.push(...answer.members.map((member) => member.name));
    page_token = answer.next_page_token;
  } while (page_token);
  assert.deepEqual(listed.sort(), [first.name, change.answer.name].sort());

  // A refusal says why in google.rpc.ErrorInfo; what is wrong with a request stands in google.rpc.BadRequest.
  const denied = await refused(members, 'CreateMember', { parent, member: { display_name: 'third' } }, operator);
  assert.equal(denied.code, grpc.status.PERMISSION_DENIED);
  const info = explain(denied)['google.rpc.ErrorInfo'];
  assert.equal(info.reason, 'SEAT_REQUIRED');
  assert.equal(info.metadata.required_seat, 'MANAGEMENT_ACCOUNT');
  const wrong = await refused(members, 'CreateMember', { parent, member: { display_name: 'x' } }, root);
  assert.equal(wrong.code, grpc.status.INVALID_ARGUMENT);
  const { field_violations: violations } = explain(wrong)['google.rpc.BadRequest'];
  assert.deepEqual(violations.map((violation) => violation.field), ['member.display_name']);

  const method = contract['bailiwick.directory.v1.MemberService'].GetMember;
  assert.deepEqual(await callFromBrowser(address, method, { name: first.name }, root), first);

  console.log(`${account.name} manages ${parent} with ${listed.length} members`);
  [accounts, members].forEach((open) => open.close());
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
