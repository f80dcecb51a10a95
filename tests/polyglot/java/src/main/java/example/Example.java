package example;

import com.google.gson.JsonParser;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import dev.bailiwick.audit.v1.AuditServiceGrpc;
import dev.bailiwick.audit.v1.WatchDirectoryAuditEntriesRequest;
import dev.bailiwick.directory.v1.Account;
import dev.bailiwick.directory.v1.AccountServiceGrpc;
import dev.bailiwick.directory.v1.CreateAccountRequest;
import dev.bailiwick.directory.v1.CreateDirectoryRequest;
import dev.bailiwick.directory.v1.CreateMemberRequest;
import dev.bailiwick.directory.v1.CreateRootAccessKeyRequest;
import dev.bailiwick.directory.v1.CreateTokenRequest;
import dev.bailiwick.directory.v1.DirectoryServiceGrpc;
import dev.bailiwick.directory.v1.EnterpriseIdentity;
import dev.bailiwick.directory.v1.ListMembersRequest;
import dev.bailiwick.directory.v1.Member;
import dev.bailiwick.directory.v1.MemberServiceGrpc;
import dev.bailiwick.directory.v1.TokenServiceGrpc;
import dev.bailiwick.directory.v1.VerifyEnterpriseIdentityRequest;
import io.grpc.CallCredentials;
import io.grpc.Channel;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** A client of bailiwick in Java: ADDRESS OPERATOR_FILE, by run.sh, which makes the stubs. */
public final class Example {
    /** Of each call, in seconds. */
    private static final int DEADLINE = 10;

    /** Carries the token of each call. */
    private static final class Bearer extends CallCredentials {
        private static final Metadata.Key<String> AUTHORIZATION =
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
        private final String token;

        Bearer(String token) {
            this.token = token;
        }

        @Override
        public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
            var headers = new Metadata();
            headers.put(AUTHORIZATION, "Bearer " + token);
            applier.apply(headers);
        }
    }

    public static void main(String[] args) throws Exception {
        // Where the gateway has a certificate: TlsChannelCredentials.
        var channel = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build();
        try {
            run(channel, Path.of(args[1]));
        } finally {
            channel.shutdownNow();
        }
    }

    private static void run(Channel channel, Path operatorFile) throws Exception {
        // The operator of the platform registers an account, attests whose it is, and hands out its first key.
        var file = JsonParser.parseString(Files.readString(operatorFile)).getAsJsonObject();
        var operator = signIn(channel, file.get("access_key_id").getAsString(), file.get("secret").getAsString());
        var accounts = AccountServiceGrpc.newBlockingStub(channel).withCallCredentials(operator);
        var account = accounts.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createAccount(CreateAccountRequest
                .newBuilder()
                .setAccount(Account.newBuilder()
                        .setDisplayName("java").setProvider("aliyun").setExternalId("java-" + UUID.randomUUID()))
                .build());
        accounts.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS)
                .verifyEnterpriseIdentity(VerifyEnterpriseIdentityRequest.newBuilder()
                        .setName(account.getName())
                        .setEnterpriseIdentity(EnterpriseIdentity.newBuilder()
                                .setLegalName("Example").setRegistrationNumber("1").setVerifier("example"))
                        .build());
        var key = accounts.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createRootAccessKey(
                CreateRootAccessKeyRequest.newBuilder().setAccount(account.getName()).build());

        // The account enables a directory, and is its management account from then on.
        var root = signIn(channel, key.getAccessKeyId(), key.getSecret());
        var parent = DirectoryServiceGrpc.newBlockingStub(channel).withCallCredentials(root)
                .withDeadlineAfter(DEADLINE, TimeUnit.SECONDS)
                .createDirectory(CreateDirectoryRequest.newBuilder().setAccount(account.getName()).build())
                .getName();

        // Whoever watches the audit trail sees every change; the first answer says that the watch has begun.
        var watch = AuditServiceGrpc.newBlockingStub(channel).withCallCredentials(root)
                .withDeadlineAfter(12 * DEADLINE, TimeUnit.SECONDS)
                .watchDirectoryAuditEntries(WatchDirectoryAuditEntriesRequest.newBuilder()
                        .setParent(parent).setFilter("method:MemberService").build());
        check(watch.next().getAuditEntriesCount() == 0, "the watch begins with what is to come");

        // A request with an id may be repeated: whoever did not see the answer sends it again.
        var members = MemberServiceGrpc.newBlockingStub(channel).withCallCredentials(root);
        var request = CreateMemberRequest.newBuilder()
                .setParent(parent)
                .setMember(Member.newBuilder().setDisplayName("first"))
                .setRequestId(UUID.randomUUID().toString());
        var first = members.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createMember(request.build());
        var again = members.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createMember(request.build());
        check(first.equals(again), "created once");
        var second = members.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createMember(CreateMemberRequest
                .newBuilder().setParent(parent).setMember(Member.newBuilder().setDisplayName("second")).build());

        List<String> listed = new ArrayList<>();
        var token = "";
        do {
            var page = members.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).listMembers(ListMembersRequest
                    .newBuilder().setParent(parent).setPageSize(1).setPageToken(token).build());
            page.getMembersList().forEach(member -> listed.add(member.getName()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        var expected = List.of(first.getName(), second.getName()).stream().sorted().toList();
        check(listed.stream().sorted().toList().equals(expected), "the pages hold both members");

        List<String> watched = new ArrayList<>();
        while (watched.size() < 2) {
            watch.next().getAuditEntriesList().forEach(entry -> watched.add(entry.getResource()));
        }
        check(watched.stream().sorted().toList().equals(expected), "the watch saw both");

        // A refusal says why in google.rpc.ErrorInfo; what is wrong with a request stands in google.rpc.BadRequest.
        var denied = refused(() -> members.withCallCredentials(operator)
                .withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createMember(request.clearRequestId().build()));
        check(denied.getStatus().getCode() == Status.Code.PERMISSION_DENIED, "the operator is refused");
        var info = detail(denied, ErrorInfo.class);
        check(info.getReason().equals("SEAT_REQUIRED"), "because of " + info.getReason());
        check(info.getMetadataOrThrow("required_seat").equals("MANAGEMENT_ACCOUNT"), "who may");
        var wrong = refused(() -> members.withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createMember(
                request.setMember(Member.newBuilder().setDisplayName("x")).build()));
        check(wrong.getStatus().getCode() == Status.Code.INVALID_ARGUMENT, "a short name is refused");
        var violation = detail(wrong, BadRequest.class).getFieldViolations(0);
        check(violation.getField().equals("member.display_name"), "wrong field: " + violation.getField());
        System.out.println(account.getName() + " manages " + parent + " with " + listed.size() + " members");
    }

    private static Bearer signIn(Channel channel, String id, String secret) {
        var request = CreateTokenRequest.newBuilder().setAccessKeyId(id).setSecret(secret).build();
        var token = TokenServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(DEADLINE, TimeUnit.SECONDS).createToken(request);
        return new Bearer(token.getAccessToken());
    }

    private static StatusRuntimeException refused(Runnable call) {
        try {
            call.run();
        } catch (StatusRuntimeException refused) {
            return refused;
        }
        throw new AssertionError("not refused");
    }

    private static <D extends com.google.protobuf.Message> D detail(StatusRuntimeException error, Class<D> type)
            throws Exception {
        for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
            if (detail.is(type)) {
                return detail.unpack(type);
            }
        }
        throw new AssertionError("no " + type.getSimpleName());
    }

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError("not as it must be: " + what);
        }
    }
}
