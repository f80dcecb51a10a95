//! Programs that run others.

use crate::Argument;

/// What a program is to somebody who wants to know what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It runs nothing else.
    Plain,
    /// It is a shell: `-c` has a line, and without it the input has.
    Shell,
    /// Its arguments are a line.
    Line,
    /// It runs the command that its arguments end with.
    Wrapper(Wrapper),
    /// It changes what later names mean.
    State,
    /// It can run what its arguments, its input or a file say.
    Runs,
}

/// How the arguments of a wrapper are to be read. With an option that is not named here, what runs is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrapper {
    /// Letters of options whose value is the rest of the argument, or the next one.
    pub(crate) valued: &'static str,
    /// Letters of options that have no value, and with which the command runs all the same.
    pub(crate) flags: &'static str,
    /// Long options with a value after `=` or in the next argument.
    pub(crate) long_valued: &'static [&'static str],
    /// Long options without a value.
    pub(crate) long_flags: &'static [&'static str],
    /// Arguments before the command.
    pub(crate) before: usize,
    /// Whether it takes assignments before the command.
    pub(crate) assigns: bool,
    /// Whether the command has further arguments, of the input.
    pub(crate) appends: bool,
}

const NONE: Wrapper =
    Wrapper { valued: "", flags: "", long_valued: &[], long_flags: &[], before: 0, assigns: false, appends: false };

/// What an option of a wrapper takes.
pub(crate) enum Reads {
    /// Nothing else.
    Itself,
    /// The next argument.
    Next,
    /// It ends the options.
    End,
}

impl Wrapper {
    /// What an option takes; none if it is not known.
    pub(crate) fn option(&self, text: &str) -> Option<Reads> {
        if text == "--" {
            return Some(Reads::End);
        }
        if text.starts_with("--") {
            let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            let valued = self.long_valued.contains(&name);
            return match value {
                None if valued => Some(Reads::Next),
                _ if valued || self.long_flags.contains(&name) => Some(Reads::Itself),
                _ => None,
            };
        }
        // `-` alone is `-i` to `env`.
        let mut letters = text.chars().skip(1);
        while let Some(letter) = letters.next() {
            if self.valued.contains(letter) {
                return Some(if letters.next().is_some() { Reads::Itself } else { Reads::Next });
            }
            if !self.flags.contains(letter) {
                return None;
            }
        }
        Some(Reads::Itself)
    }
}

/// Folders with programs of the system.
const SYSTEM: [&str; 6] = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"];

/// Whether a program as a line has it is one of the system: found by name, or in one of its folders.
pub(crate) fn is_of_system(program: &str) -> bool {
    !program.contains('/')
        || SYSTEM.iter().any(|folder| program.strip_prefix(folder).is_some_and(|name| !name.contains('/')))
}

/// What a program is, by its name and what it is told.
pub(crate) fn kind(name: &str, arguments: &[Argument]) -> Kind {
    // `python3.12`, `perl5.36`: the family is what counts.
    let family = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    // An argument that depends on the host may be any option.
    let told = |option: &str| {
        let is = |argument: &Argument| match argument {
            Argument::Text(text) => text.starts_with(option),
            Argument::Expanded(_) => true,
        };
        arguments.iter().any(is)
    };
    let index = arguments.iter().any(|argument| argument.text().contains('['));
    // `bash-static`, `vim.tiny`, `ksh93`, `zsh-5.9`.
    let first = name.split(|c: char| c == '-' || c == '.' || c.is_ascii_digit()).next().unwrap_or_default();
    match name {
        _ if SHELLS.contains(&name) => Kind::Shell,
        "eval" | "watch" => Kind::Line,
        // They set a variable, or evaluate an index.
        "printf" if arguments.first().is_some_and(|first| first.text().starts_with('-') || is_unknown(first)) => {
            Kind::State
        }
        "test" | "[" if told("-v") && index => Kind::State,
        "test" | "[" if arguments.iter().any(|argument| *argument == Argument::Text("-v".to_owned())) => Kind::State,
        "wait" if told("-p") || told("-np") => Kind::State,
        "jobs" if told("-") => Kind::Runs,
        "export" | "declare" | "typeset" | "local" | "readonly" | "unset" | "set" | "shopt" | "alias" | "unalias"
        | "compgen" | "compopt" | "enable" | "hash" | "trap" | "bind" | "read" | "mapfile" | "readarray"
        | "getopts" | "complete" | "let" => Kind::State,
        _ if RUNS.contains(&name) || RUNS.contains(&family) || RUNS.contains(&first) => Kind::Runs,
        _ if SHELLS.contains(&first) => Kind::Runs,
        _ => wrapper(name).map_or(Kind::Plain, Kind::Wrapper),
    }
}

fn wrapper(name: &str) -> Option<Wrapper> {
    Some(match name {
        "nohup" | "builtin" | "busybox" | "toybox" => NONE,
        "setsid" => Wrapper { flags: "cfw", ..NONE },
        "command" => Wrapper { flags: "p", ..NONE },
        "exec" => Wrapper { valued: "a", flags: "cl", ..NONE },
        "nice" => Wrapper { valued: "n", flags: "0123456789", long_valued: &["--adjustment"], ..NONE },
        "ionice" => Wrapper { valued: "cn", flags: "t", long_valued: &["--class", "--classdata"], ..NONE },
        "timeout" => Wrapper {
            valued: "sk",
            flags: "v",
            long_valued: &["--signal", "--kill-after"],
            long_flags: &["--foreground", "--preserve-status"],
            before: 1,
            ..NONE
        },
        "time" => Wrapper { valued: "of", flags: "apvq", ..NONE },
        "stdbuf" => Wrapper { valued: "ioe", ..NONE },
        "env" => Wrapper {
            valued: "uC",
            flags: "i0v",
            long_valued: &["--unset", "--chdir"],
            long_flags: &["--ignore-environment"],
            assigns: true,
            ..NONE
        },
        "sudo" => Wrapper {
            valued: "ughpCTrtDRU",
            flags: "AbEHnPkKSN",
            long_valued: &["--user", "--group"],
            long_flags: &["--non-interactive", "--preserve-env", "--set-home", "--stdin"],
            assigns: true,
            ..NONE
        },
        "doas" => Wrapper { valued: "uC", flags: "n", ..NONE },
        "xargs" => Wrapper {
            // With `-I` what it replaces stands anywhere: it is not known what runs.
            valued: "nPLsdaE",
            flags: "0rtpx",
            long_flags: &["--null", "--no-run-if-empty"],
            appends: true,
            ..NONE
        },
        _ => return None,
    })
}

fn is_unknown(argument: &Argument) -> bool {
    matches!(argument, Argument::Expanded(_))
}

/// Shells of which the language is read.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "lksh", "posh", "yash"];

/// Programs with a language, a shell escape, or hooks of their own, and those that run others in ways that are not read.
const RUNS: &[&str] = &[
    ".",
    "source",
    "csh",
    "tcsh",
    "fish",
    "pwsh",
    "python",
    "pypy",
    "perl",
    "ruby",
    "irb",
    "node",
    "nodejs",
    "deno",
    "bun",
    "lua",
    "luajit",
    "php",
    "tclsh",
    "expect",
    "awk",
    "gawk",
    "mawk",
    "nawk",
    "sed",
    "ed",
    "ex",
    "vi",
    "vim",
    "view",
    "vimdiff",
    "nvim",
    "emacs",
    "nano",
    "pico",
    "joe",
    "mcedit",
    "mc",
    "less",
    "more",
    "most",
    "man",
    "info",
    "git",
    "hg",
    "svn",
    "make",
    "cmake",
    "ninja",
    "find",
    "parallel",
    "tar",
    "cpio",
    "zip",
    "rsync",
    "scp",
    "sftp",
    "ssh",
    "ftp",
    "lftp",
    "telnet",
    "nc",
    "ncat",
    "socat",
    "gdb",
    "strace",
    "ltrace",
    "perf",
    "script",
    "screen",
    "tmux",
    "at",
    "batch",
    "crontab",
    "systemd-run",
    "su",
    "runuser",
    "chroot",
    "unshare",
    "nsenter",
    "docker",
    "podman",
    "kubectl",
    "mysql",
    "psql",
    "sqlite3",
    "mongo",
    "redis-cli",
    "openssl",
    "dpkg",
    "apt",
    "apt-get",
    "rpm",
    "yum",
    "dnf",
    "flock",
    "start-stop-daemon",
    "run-parts",
    "m4",
    "fc",
    "taskset",
    "chrt",
    "setarch",
    "linux64",
    "linux32",
    "i386",
    "x86_64",
    "prlimit",
    "split",
    "setpriv",
    "systemd",
    "machinectl",
    "run0",
    "pkexec",
    "sg",
    "newgrp",
    "gosu",
    "runcon",
    "capsh",
    "numactl",
    "fakeroot",
    "proot",
    "bwrap",
    "firejail",
    "ip",
    "dbus",
    "xvfb",
    "rlwrap",
    "unbuffer",
    "valgrind",
    "hyperfine",
    "entr",
    "ld",
    "coreutils",
    "sudoedit",
    "tcpdump",
    "gcc",
    "cc",
    "npx",
    "npm",
    "pip",
    "gem",
    "go",
    "cargo",
    "rake",
    "java",
    "jshell",
    "dc",
    "bpftrace",
    "lldb",
    "mail",
    "mutt",
    "mariadb",
    "mongosh",
    "sqlplus",
    "smbclient",
    "rsh",
    "mosh",
    "ansible",
    "snap",
    "zypper",
    "apk",
    "pacman",
    "netcat",
    "rvim",
];
