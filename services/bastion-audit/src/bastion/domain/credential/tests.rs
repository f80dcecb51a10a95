//! Made with `ssh-keygen` for these tests, and used nowhere.

use super::*;

const ED25519: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAvFqyh8nqhAzeSUKrGTRJRA5axPCzbWr5tyv0dH+VGeAAAAJCSSa7+kkmu
/gAAAAtzc2gtZWQyNTUxOQAAACAvFqyh8nqhAzeSUKrGTRJRA5axPCzbWr5tyv0dH+VGeA
AAAEDIQddqXDKYFd/zvPqVxFMbf/oHFrOvGwQ5klP1mTlSyi8WrKHyeqEDN5JQqsZNElED
lrE8LNtavm3K/R0f5UZ4AAAAB2NvbW1lbnQBAgMEBQY=
-----END OPENSSH PRIVATE KEY-----
";
const ED25519_PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC8WrKHyeqEDN5JQqsZNElEDlrE8LNtavm3K/R0f5UZ4";
const ED25519_FINGERPRINT: &str = "SHA256:YN51wrVwuh6YiSHR8ULFjPU1pmn9LNtmcVfMQJYImQA";
const ECDSA: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQRhxy1vnGXBju9H/AtA4g3NsJJA8w7Z
jlGQnmqtekYbviVVjoaj0nn7In0yDHhc3DiBxTQCmhxvf4YUcGUvbenSAAAAoLdcwcG3XM
HBAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGHHLW+cZcGO70f8
C0DiDc2wkkDzDtmOUZCeaq16Rhu+JVWOhqPSefsifTIMeFzcOIHFNAKaHG9/hhRwZS9t6d
IAAAAgD/CpUl0xdFP2z74yiNl6xkPkhB4SsBolf+A8x43OM7sAAAAHY29tbWVudAE=
-----END OPENSSH PRIVATE KEY-----
";
const LOCKED: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCRYeIh2/
QNJ4o4MXXMsCZrAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIAAcoJ3wVUIVWWzK
HpOq65MM6O8PUqrV/ytelW/l2D1mAAAAkCL8URUxpe33HM5XJi8pOy588/TU3cUGZ3z02L
9qNVaV0Lddm/gIecfZJ76F00U99rfp+I2iixD6Lac/eqZPGV4KeZXG4phSkPERy9i/sT0I
ur+ARo9T9JyH50nRgUPm/M/HUIg/+gV8X1PVANSM3W7BH/y/4GVdrrQKX/lSxAEikxlaVQ
jNziv3Y7ZcP1dsfw==
-----END OPENSSH PRIVATE KEY-----
";
const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDI8IfO0Uvl/ytad/B1b+pDRVtwiuqiWxSM/nhX45vU8lnMe6AoiDKktZkFTtPpBLLUOEZd3RLeMUqBZtgJs0KRInlhsMjQfAgm0BhV4PVdk4Z9709MJpNIloWrRt/2uT4b5Q8ZbHJJVl9YqzfEO0/g8OYnGRSomlXgnm8INy/VWQ==";
const RSA_2048: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDnkR9JMrskv1GYp/ZIRJw6z6VDTLG88SDnEcsdgXD9TqQJm35Nc5KICbqS5JIftgJORb/U+CTITN7lZW2TKDLuM2IzbInY5QRYvNGi07eU7z1mNpCiNOsx7L6TxeOzPlFZNSJNdId+xuEjgBZ94PaY24s3HAHFURc6ir2sysiroEtyv2QcfDoj60Hbn/0pNXA3U5P/Xg0GFDvUqQHFPbwb0w76LtPrKSG8yWCyloTzonwxnoP8vnCPCzTU2rCIPLSbtjAO4CDWvrbfN1YhkQftFth1LRiRfkH4Y4NGosj3BrXgITA3L4LJ4STO3EjIrjERfo3M3QSjhJYGu3lzAWXn";

#[test]
fn a_private_key_tells_its_public_key_and_nothing_else() {
    let key = read_private_key(ED25519.to_owned()).unwrap();
    assert_eq!(key.known.public_key, ED25519_PUBLIC, "without its comment");
    assert_eq!(key.known.fingerprint, ED25519_FINGERPRINT);
    assert_eq!(key.secret.expose(), ED25519.as_bytes());
    assert!(!format!("{key:?}").contains("b3BlbnNzaC1rZXk"), "not even when it is printed");
    read_private_key(ECDSA.to_owned()).unwrap();
}

#[test]
fn what_is_no_sound_key_is_refused_without_a_word_of_it() {
    for (text, problem) in [
        (LOCKED.to_owned(), "must not have a passphrase"),
        (ED25519_PUBLIC.to_owned(), "must be a private key"),
        (String::new(), "must be a private key"),
        (ED25519.replace("b3Blbn", "b3Blbm"), "must be a private key"),
        ("x".repeat(PRIVATE_KEY_MAX + 1), "must have at most"),
    ] {
        let refused = read_private_key(text).unwrap_err();
        assert!(refused.contains(problem), "{refused}");
        assert!(!refused.contains("b3Blbn"), "{refused}");
    }
    for (text, problem) in [
        (RSA_1024, "must have 2048 to 16384 bits"),
        (ED25519, "must be a public key"),
        ("", "must be a public key"),
        ("ssh-dss AAAAB3NzaC1kc3MAAAABAQ==", "must be a public key"),
    ] {
        let refused = read_public_key(text).unwrap_err();
        assert!(refused.contains(problem), "{refused}");
    }
    assert!(read_public_key(&"x".repeat(PUBLIC_KEY_MAX + 1)).unwrap_err().contains("at most"));
}

#[test]
fn a_public_key_has_one_spelling() {
    let known = read_public_key(&format!("{ED25519_PUBLIC} alice@laptop")).unwrap();
    assert_eq!(known, read_public_key(ED25519_PUBLIC).unwrap());
    assert_eq!(known.fingerprint, ED25519_FINGERPRINT);
    read_public_key(RSA_2048).unwrap();
}

/// A security key signs where it is plugged in, and what is kept of it is a handle.
#[test]
fn a_handle_of_a_security_key_is_no_private_key_of_an_account() {
    use ssh_key::{LineEnding, private, public};
    let public = public::SkEd25519::new(public::Ed25519PublicKey([7; 32]), "ssh:");
    let pair = private::KeypairData::SkEd25519(private::SkEd25519::new(public, 1, [1, 2, 3]).unwrap());
    let key = PrivateKey::new(pair, "").unwrap();
    let text = key.to_openssh(LineEnding::LF).unwrap();
    assert!(read_private_key(text.to_string()).unwrap_err().contains("must not be of a security key"));
    read_public_key(&key.public_key().to_openssh().unwrap()).unwrap();
}
