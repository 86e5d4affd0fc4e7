//! uv, which installs the Python packages of images and locks requirements.

/// Version of uv that installs Python packages, in images and for `cargo xtask lock`.
pub const UV_VERSION: &str = "0.13.8";

/// SHA-256 of the wheels of that version for Linux: manylinux and musllinux, x86_64 and aarch64. Nothing else is taken for it.
pub const UV_HASHES: [&str; 4] = [
    "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
    "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203",
    "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
];

/// The requirement that pip takes uv by: its version and the hashes of what that may be.
#[must_use]
pub fn uv_requirement() -> String {
    let hashes = UV_HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}"));
    format!("uv=={UV_VERSION}{}", hashes.collect::<String>())
}
