// A client of bailiwick in JavaScript: node example.mjs ADDRESS OPERATOR_FILE, by run.sh, which makes the stubs.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { AuditService } from './stubs/bailiwick/audit/v1/audit_pb.js';
import { AccountService } from './stubs/bailiwick/directory/v1/account_pb.js';
import { DirectoryService } from './stubs/bailiwick/directory/v1/directory_pb.js';
import { MemberService } from './stubs/bailiwick/directory/v1/member_pb.js';
import { TokenService } from './stubs/bailiwick/directory/v1/token_pb.js';
import { BadRequestSchema, ErrorInfoSchema } from './stubs/google/rpc/error_details_pb.js';

const DEADLINE = 10_000; // Milliseconds, of each call.
const CONSISTENCY_TOKEN = 'bailiwick-consistency-token';

/** Makes a call that must fail; returns its error. */
async function refused(call) {
  const outcome = await call.catch((error) => error);
  assert(outcome instanceof ConnectError, 'not refused');
  return outcome;
}

async function main(address, operatorFile) {
  // Where the gateway has a certificate: https, and nodeOptions: { ca }.
  const options = { baseUrl: `http://${address}`, defaultTimeoutMs: DEADLINE };
  const transport = createGrpcTransport(options);
  const [accounts, members] = [createClient(AccountService, transport), createClient(MemberService, transport)];
  const signIn = async (accessKeyId, secret) => {
    const { accessToken } = await createClient(TokenService, transport).createToken({ accessKeyId, secret });
    return { headers: { authorization: `Bearer ${accessToken}` } };
  };

  // The operator of the platform registers an account, attests whose it is, and hands out its first key.
  const file = JSON.parse(fs.readFileSync(operatorFile, 'utf8'));
  const operator = await signIn(file.access_key_id, file.secret);
  const fresh = { displayName: 'node', provider: 'aliyun', externalId: `node-${randomUUID()}` };
  const account = await accounts.createAccount({ account: fresh }, operator);
  const enterpriseIdentity = { legalName: 'Example', registrationNumber: '1', verifier: 'example' };
  await accounts.verifyEnterpriseIdentity({ name: account.name, enterpriseIdentity }, operator);
  const key = await accounts.createRootAccessKey({ account: account.name }, operator);

  // The account enables a directory, and is its management account from then on.
  const root = await signIn(key.accessKeyId, key.secret);
  const { name: parent } = await createClient(DirectoryService, transport).createDirectory({ account: account.name }, root);

  // Whoever watches the audit trail sees every change; the first answer says that the watch has begun.
  const stop = new AbortController();
  const watch = createClient(AuditService, transport)
    .watchDirectoryAuditEntries(
      { parent, filter: 'method:MemberService' },
      { ...root, signal: stop.signal, timeoutMs: 12 * DEADLINE },
    )
    [Symbol.asyncIterator]();
  assert.equal((await watch.next()).value.auditEntries.length, 0);

  // A request with an id may be repeated: whoever did not see the answer sends it again.
  const request = { parent, member: { displayName: 'first' }, requestId: randomUUID() };
  const first = await members.createMember(request, root);
  assert.deepEqual(await members.createMember(request, root), first);

  // An answer to a change carries a token: whoever sends it back sees that change, wherever the call is served.
  let token;
  const onHeader = (headers) => (token = headers.get(CONSISTENCY_TOKEN));
  const second = await members.createMember({ parent, member: { displayName: 'second' } }, { ...root, onHeader });
  const seen = { headers: { ...root.headers, [CONSISTENCY_TOKEN]: token } };
  const listed = [];
  let pageToken = '';
  do {
    const page = await members.listMembers({ parent, pageSize: 1, pageToken }, seen);
    assert(page.members.length <= 1);
    listed.push(...page.members.map((member) => member.name));
    pageToken = page.nextPageToken;
  } while (pageToken);
  assert.deepEqual(listed.sort(), [first.name, second.name].sort());

  const watched = [];
  while (watched.length < 2) {
    watched.push(...(await watch.next()).value.auditEntries.map((entry) => entry.resource));
  }
  stop.abort();
  assert.deepEqual(watched.sort(), listed);

  // A refusal says why in google.rpc.ErrorInfo; what is wrong with a request stands in google.rpc.BadRequest.
  const denied = await refused(members.createMember({ parent, member: { displayName: 'third' } }, operator));
  assert.equal(denied.code, Code.PermissionDenied);
  const [info] = denied.findDetails(ErrorInfoSchema);
  assert.equal(info.reason, 'SEAT_REQUIRED');
  assert.equal(info.metadata.required_seat, 'MANAGEMENT_ACCOUNT');
  const wrong = await refused(members.createMember({ parent, member: { displayName: 'x' } }, root));
  assert.equal(wrong.code, Code.InvalidArgument);
  const [{ fieldViolations }] = wrong.findDetails(BadRequestSchema);
  assert.deepEqual(fieldViolations.map((violation) => violation.field), ['member.display_name']);

  // The same from a browser's side: grpc-web, on the same port, by HTTP/1.1.
  const browser = createClient(MemberService, createGrpcWebTransport({ ...options, httpVersion: '1.1' }));
  assert.deepEqual(await browser.getMember({ name: first.name }, root), first);

  console.log(`${account.name} manages ${parent} with ${listed.length} members`);
}

main(...process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
