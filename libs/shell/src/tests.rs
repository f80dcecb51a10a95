//! What is found of command lines. Of each harmful line the harmful command is found, or something about it is opaque.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::{self, Stdio},
};

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;

/// The names of the commands of a line, and what of it cannot be told.
fn found(line: &str) -> (String, Vec<Opaque>) {
    let script = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let names: Vec<_> = script.commands.iter().map(Command::name).collect();
    (names.join(" "), script.opaque)
}

#[test]
fn lines_that_are_clear_have_these_commands_and_no_others() {
    for (line, names) in [
        ("ls", "ls"),
        ("ls -la /srv", "ls"),
        ("/usr/bin/uptime", "uptime"),
        ("grep rm file", "grep"),
        ("ls /srv/rm", "ls"),
        ("echo 'rm -rf /'", "echo"),
        ("echo \"a;rm b\"", "echo"),
        ("df -h | sort -k5 | head -n 3", "df sort head"),
        ("test -f /etc/hosts && cat /etc/hosts || echo none", "test cat echo"),
        ("ls *.log", "ls"),
        ("ls ~/logs", "ls"),
        ("echo $HOME ${USER} $?", "echo"),
        ("cat < /etc/hosts > /dev/null 2>&1", "cat"),
        ("( cd /srv; ls )", "cd ls"),
        ("{ ls; date; }", "ls date"),
        ("if test -f x; then cat x; else date; fi", "test cat date"),
        ("while true; do sleep 1; done", "true sleep"),
        ("for f in a b; do cat $f; done", "cat"),
        ("case $1 in a) date;; *) uptime;; esac", "date uptime"),
        ("cat <<'E'\n$(rm f)\nE", "cat"),
        ("cat <<E\ntext\nE", "cat"),
        ("cat <<<text", "cat"),
        ("! ls & wait", "ls wait"),
        ("time ls", "ls"),
        ("[[ -f /etc/hosts && $x == y* ]] && date", "date"),
        // Everything below runs rm.
        ("rm f", "rm"),
        ("r\"\"m f", "rm"),
        ("r''m f", "rm"),
        ("\\rm f", "rm"),
        ("r\\m f", "rm"),
        ("'rm' f", "rm"),
        ("/bin/rm f", "rm"),
        ("/bin/../bin/rm f", "rm"),
        ("ls;rm f", "ls rm"),
        ("ls\nrm f", "ls rm"),
        ("ls && rm f", "ls rm"),
        ("ls || rm f", "ls rm"),
        ("ls | rm f", "ls rm"),
        ("ls & rm f", "ls rm"),
        ("(rm f)", "rm"),
        ("{ rm f; }", "rm"),
        ("echo $(rm f)", "rm echo"),
        ("echo `rm f`", "rm echo"),
        ("echo `echo \\`rm f\\``", "rm echo echo"),
        ("echo \"$(rm f)\"", "rm echo"),
        ("echo $(echo $(rm f))", "rm echo echo"),
        ("cat <(rm f)", "rm cat"),
        ("ls > >(rm f)", "rm ls"),
        ("cat <<E\n$(rm f)\nE", "rm cat"),
        ("cat <<<$(rm f)", "rm cat"),
        ("if rm f; then date; fi", "rm date"),
        ("for i in $(rm f); do date; done", "rm date"),
        ("case $(rm f) in *) date;; esac", "rm date"),
        ("[[ -n $(rm f) ]]", "rm"),
        ("nohup rm f", "nohup rm"),
        ("timeout -s KILL 5 rm f", "timeout rm"),
        ("timeout --foreground -k1 5 rm f", "timeout rm"),
        ("nice -n 5 rm f", "nice rm"),
        ("nice -10 rm f", "nice rm"),
        ("env - rm f", "env rm"),
        ("env -u HOME rm f", "env rm"),
        ("sudo -u root rm f", "sudo rm"),
        ("sudo -nu root -- rm f", "sudo rm"),
        ("command rm f", "command rm"),
        ("exec -a x rm f", "exec rm"),
        ("busybox rm f", "busybox rm"),
        ("ls | xargs -n 1 rm", "ls xargs rm"),
        ("sudo nice timeout 5 rm f", "sudo nice timeout rm"),
        ("sh -c 'rm f'", "sh rm"),
        ("bash -lc 'ls; rm f'", "bash ls rm"),
        ("sh -c \"sh -c 'rm f'\"", "sh sh rm"),
        ("eval rm f", "eval rm"),
        ("eval 'r''m' f", "eval rm"),
        ("watch 'rm f'", "watch rm"),
    ] {
        let elsewhere = |opaque: &Opaque| matches!(opaque, Opaque::Elsewhere(program) if program == "/bin/../bin/rm");
        let (commands, mut opaque) = found(line);
        opaque.retain(|opaque| !elsewhere(opaque));
        assert_eq!((commands.as_str(), opaque), (names, Vec::new()), "{line}");
    }
}

#[test]
fn lines_that_run_what_cannot_be_told_say_so() {
    for line in [
        "$x f",
        "x=rm; $x f",
        "${x:-rm} f",
        "$'\\x72m' f",
        "$\"rm\" f",
        "r{m,} f",
        "/b?n/r? f",
        "r[m] f",
        "~/rm f",
        "./rm f",
        "/tmp/rm f",
        "bin/rm f",
        "bash",
        "bash script",
        "bash -norc script",
        "bash -s < script",
        "sh -c \"$x\"",
        "bash -i",
        "echo f | bash",
        "bash <<E\nrm f\nE",
        "eval \"$x\"",
        "eval $(echo rm f)",
        "eval -- rm f",
        ". script",
        "source script",
        "alias ls='rm f'; ls",
        "ls() { date; }; ls",
        "function ls { date; }",
        "trap 'date' EXIT",
        "export PATH=/tmp",
        "PATH=/tmp ls",
        "LD_PRELOAD=x ls",
        "IFS=x",
        "a[$(rm f)]=1",
        "read x",
        "printf -v PATH /tmp",
        "[ -v 'a[$(rm f)]' ]",
        "[[ 'a[$(rm f)]' -eq 1 ]]",
        "[[ -v 'a[$(rm f)]' ]]",
        "(( x = 1 ))",
        "echo $(( a[0] ))",
        "echo ${x@P}",
        "echo ${x:-$(rm f)}",
        "echo ${!x}",
        "for (( i=0; i<3; i++ )); do date; done",
        "find . -delete",
        "awk 'BEGIN { system(\"rm f\") }'",
        "sed 's/x/y/e'",
        "python3.12 -c x",
        "perl -e x",
        "vi f",
        "less f",
        "man ls",
        "git -p log",
        "tar xf x --checkpoint-action=exec=sh",
        "ssh host",
        "env -S 'rm f'",
        "env -iS 'rm f'",
        "env X=1 rm f",
        "sudo -i",
        "sudo -s rm f",
        "sudo --chdir / rm f",
        "sudo $x rm f",
        "timeout $x rm f",
        "command -v ls",
        "xargs --arg-file f rm",
        "watch -n1 'rm f'",
        "su - root",
        "flock x rm f",
    ] {
        let script = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(!script.is_clear(), "{line}: {script:?}");
    }
}

#[test]
fn lines_of_which_nothing_can_be_told_are_refused() {
    let deep = |open: &str, close: &str, n: usize| format!("{}date{}", open.repeat(n), close.repeat(n));
    for (line, error) in [
        ("ls (".to_owned(), Unreadable::Syntax),
        ("'".to_owned(), Unreadable::Syntax),
        ("echo \"$(ls\"".to_owned(), Unreadable::Syntax),
        ("if true".to_owned(), Unreadable::Syntax),
        ("ls\r".to_owned(), Unreadable::Control),
        ("ls\u{3}".to_owned(), Unreadable::Control),
        ("ls \u{1b}[2J".to_owned(), Unreadable::Control),
        ("ls \u{9b}2J".to_owned(), Unreadable::Control),
        ("x".repeat(LINE_MAX + 1), Unreadable::TooLong),
        (deep("( ", " )", 10_000 / 4), Unreadable::TooDeep),
        (deep("echo $(", ")", 1_000), Unreadable::TooDeep),
        (deep("if true; then ", "; fi", 600), Unreadable::TooDeep),
        ("nohup ".repeat(200) + "ls", Unreadable::TooDeep),
    ] {
        assert_eq!(read(&line), Err(error), "{}", line.get(..40).unwrap_or(&line));
    }
}

#[test]
fn files_that_redirections_write_are_told() {
    for (line, written) in [
        ("ls > f", &["f"] as &[_]),
        ("ls >> \"$x\"", &["\"$x\""]),
        ("> f", &["f"]),
        (": >| f", &["f"]),
        ("ls 2> f", &["f"]),
        ("ls &> f", &["f"]),
        ("ls >& f", &["f"]),
        ("cat <> f", &["f"]),
        ("{ ls; } > f", &["f"]),
        ("ls > /dev/null 2>&1", &[]),
        ("cat < f", &[]),
        ("ls 2>&-", &[]),
    ] {
        assert_eq!(read(line).unwrap().written, written, "{line}");
    }
}

#[test]
fn a_command_is_compared_by_its_name_and_what_its_arguments_are() {
    let script = read("sudo /bin/rm  -rf \"/srv/a b\" '*' $x").unwrap();
    let texts: Vec<_> = script.commands.iter().map(Command::text).collect();
    assert_eq!(texts, ["sudo /bin/rm -rf /srv/a b * $x", "rm -rf /srv/a b * $x"]);
    let arguments = &script.commands[1].arguments;
    assert_eq!(arguments[2], Argument::Text("*".into()));
    assert_eq!(arguments[3], Argument::Expanded("$x".into()));
}

/// Words and signs that lines are put together of. None loops, and what changes the state of a shell is opaque.
const PARTS: &[&str] = &[
    "rm",
    "date",
    "ls",
    "cat",
    " ",
    " ",
    " ",
    "f",
    ";",
    "|",
    "&&",
    "||",
    "&",
    "(",
    ")",
    "{ ",
    "; }",
    "$(",
    "`",
    "\"",
    "'",
    "\\",
    "\n",
    "<<E\n",
    "\nE\n",
    "<(",
    "[[ ",
    " ]]",
    "$x",
    "${x",
    "}",
    "if ",
    "then ",
    "fi ",
    "case f ",
    "in ",
    "esac",
    "for i in ",
    "do ",
    "; done",
    "> f",
    "2>&1",
    "env ",
    "sh -c ",
    "bash -c ",
    "eval ",
    "nohup ",
    "nice ",
    "xargs ",
    "*",
    "#",
    "! ",
    "time ",
    "$'",
    "~",
    "command ",
    "timeout 5 ",
    "-n ",
    "--",
    "=",
];

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PARTS), 0..12).prop_map(|parts| parts.concat())
}

/// A folder with programs that only note that they ran.
struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        for name in ["rm", "date", "ls", "cat"] {
            let file = folder.path().join("bin").join(name);
            fs::write(&file, format!("#!/bin/sh\necho {name} >> \"$NOTES\"\n")).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        }
        for (name, program) in
            [("env", "/usr/bin/env"), ("nohup", "/usr/bin/nohup"), ("nice", "/usr/bin/nice")].into_iter().chain([
                ("xargs", "/usr/bin/xargs"),
                ("timeout", "/usr/bin/timeout"),
                ("sh", "/bin/sh"),
                ("bash", "/bin/bash"),
            ])
        {
            std::os::unix::fs::symlink(program, folder.path().join("bin").join(name)).unwrap();
        }
        Self { folder }
    }

    /// The programs that a line ran.
    fn ran(&self, line: &str) -> BTreeSet<String> {
        // Of each line another one: what runs in the background may outlive its shell.
        let home = tempfile::tempdir_in(self.folder.path()).unwrap();
        let notes = home.path().join("notes");
        let mut shell = process::Command::new("/bin/bash");
        shell.args(["--norc", "--noprofile", "-c", line]).env_clear().current_dir(home.path());
        shell.env("PATH", self.folder.path().join("bin")).env("NOTES", &notes);
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.status().unwrap();
        fs::read_to_string(&notes).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// How many lines a shell is given.
fn lines() -> usize {
    std::env::var("SHELL_LINES").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

/// Of a line that is clear, a real shell runs nothing else than what was found.
#[test]
fn a_shell_runs_nothing_that_was_not_found() {
    let programs = Programs::new();
    let (mut runner, mut ran) = (TestRunner::deterministic(), 0);
    while ran < lines() {
        let line = line().new_tree(&mut runner).unwrap().current();
        let Ok(script) = read(&line) else { continue };
        // Only what was found to run something is worth a shell.
        if !script.is_clear() || script.commands.is_empty() {
            continue;
        }
        ran += 1;
        let found: BTreeSet<_> = script.commands.iter().map(|command| command.name().to_owned()).collect();
        let really = programs.ran(&line);
        assert!(really.is_subset(&found), "{line:?} ran {really:?}, and {found:?} were found");
    }
}

proptest! {
    #[test]
    fn whatever_is_read_breaks_nothing(line in "\\PC{0,60}") {
        let _ = read(&line);
    }

    #[test]
    fn what_looks_like_a_line_breaks_nothing(line in line()) {
        let _ = read(&line);
    }
}

/// Each of these runs rm, or what somebody put into a folder, in a real bash; most are read by the parser as something else.
#[test]
fn lines_that_hide_what_they_run_are_not_clear() {
    for line in [
        "echo \\$'\\'; rm f; echo \"'\"'\"'\\'",
        "echo $$'\\'; rm f; echo \"'\"'\"'\\'",
        "[[ x == !(')') ]]; rm f; echo \"'\"'\"'\\' ]]",
        "cat <<$'E'\nE\nrm f\n$E",
        "cat <<E\nE\\\n\nrm f\nE",
        "cat <<E\n$\\\n(rm f)\nE",
        "((ls) ; ls)\ncat <<ls\n'\nls\nrm f\ncat <<ls\n'\nls",
        "for PATH in /tmp/evil; do ls; done",
        "for path in /tmp/evil; do ls; done",
        "coproc rm f",
        "coproc PATH { :; }; ls",
        "coproc x [[ 'a[$(rm f)]' -eq 1 ]]",
        "test $'-v' 'a[$(rm f)]'",
        "[ $'-v' 'a[$(rm f)]' ]",
        "test $(echo -v) 'a[$(rm f)]'",
        "printf $'-v' PATH /tmp/evil; ls",
        "printf {-v,PATH} /tmp/evil; ls",
        "compgen -W '$(rm f)'",
        "jobs -x rm f",
        "ls & wait -n -p 'a[$(rm f)]'",
        "!(rm f)",
        "time -- rm f",
        "sh -c -- 'rm f'",
        "bash -c -e 'rm f'",
        "echo rm | xargs -I % % f",
        "echo 'rm f' | xargs -I % sh -c %",
        "echo /etc/shadow | xargs -I % cat %",
        "split --filter='rm f'",
        "taskset 1 rm f",
        "chrt -o 0 rm f",
        "setarch x86_64 rm f",
        "linux64 rm f",
        "prlimit rm f",
        "ssh-agent rm f",
        "systemd-cat rm f",
        "ip netns exec x rm f",
        "ksh93 -c 'rm f'",
        "bash-static -c 'rm f'",
        "vim.tiny -c '!rm f'",
        "nc.traditional -e rm",
        "echo \u{202e}x",
        "echo a\u{200b}b",
        "ls 99999999999>f",
        "echo ~99999999999999999999999",
    ] {
        let shown =
            read(line).is_ok_and(|script| script.is_clear() && !script.commands.iter().any(|c| c.name() == "rm"));
        assert!(!shown, "{line}: {:?}", read(line));
    }
    assert_eq!(found("bash -ec 'rm f'").0, "bash rm");
    assert_eq!(found("bash -c -e 'rm f'").0, "bash rm");
}

/// The parser tries parentheses and brackets in several ways; none of these takes it long, or ends the process.
#[test]
fn no_line_takes_long() {
    let nested = format!("{}x{}", "$(( ".repeat(30), ") ".repeat(60));
    for line in [
        "(".repeat(40),
        "(".repeat(16),
        "( ".repeat(16),
        format!("echo {}", "a[$1".repeat(40)),
        nested,
        "coproc ".repeat(2_300),
        format!("[[ {}x ]]", "! ".repeat(8_000)),
        "a;".repeat(COMMANDS_MAX + 1),
        "ls && ".repeat(2_000),
    ] {
        assert!(read(&line).is_err(), "{line}");
    }
    read(&format!("echo {}", "a[$1".repeat(16))).unwrap();
    assert!(read(&"a;".repeat(COMMANDS_MAX)).is_ok_and(|script| script.commands.len() == COMMANDS_MAX));
}

#[test]
fn what_looks_like_an_assignment_after_a_name_is_an_argument() {
    let script = read("dd if=/srv/a of=/dev/sda").unwrap();
    assert!(script.is_clear());
    assert_eq!(script.commands[0].text(), "dd if=/srv/a of=/dev/sda");
    assert!(!read("PATH=/tmp/evil ls").unwrap().is_clear());
    assert!(!read("export PATH=/tmp/evil; ls").unwrap().is_clear());
}
