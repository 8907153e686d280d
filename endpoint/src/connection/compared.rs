//! How the answers of two ways to serve are compared, by the tests and by fuzzing.

/// As text, without the one header that depends on the moment, and the others in order of name: their order says
/// nothing, RFC 9110 §5.3.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "only fuzz targets are outside"))]
pub fn comparable(answers: &[u8]) -> String {
    let text = String::from_utf8_lossy(answers);
    let part = |part: &str| {
        let mut lines: Vec<&str> = part.split("\r\n").filter(|line| !line.starts_with("date: ")).collect();
        if let Some(headers) = lines.get_mut(1..) {
            headers.sort_unstable();
        }
        lines.join("\n")
    };
    text.split("\r\n\r\n").map(part).collect::<Vec<_>>().join("\n\n")
}
