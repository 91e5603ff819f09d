//! Standard base64 (RFC 4648) of the 65 bytes of a signature, in its one canonical spelling. A crate for it would be one
//! more dependency of all who take cheques.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 88 characters, of which the last is `=`.
pub(super) fn encode(bytes: [u8; 65]) -> String {
    let mut padded = [0; 66];
    padded[..65].copy_from_slice(&bytes);
    let (groups, _) = padded.as_chunks::<3>();
    let digits = groups.iter().flat_map(|&[a, b, c]| [a >> 2, (a << 4) | (b >> 4), (b << 2) | (c >> 6), c]);
    let digits = digits.map(|bits| char::from(ALPHABET[usize::from(bits & 0x3f)]));
    digits.take(87).chain(['=']).collect()
}

/// `None` for everything that [`encode`] does not write: no line breaks, no other alphabet, no bits left over.
pub(super) fn decode(text: &str) -> Option<[u8; 65]> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 87)?;
    let mut sextets = [0; 88];
    for (sextet, digit) in sextets.iter_mut().zip(digits.bytes()) {
        let value = ALPHABET.iter().position(|&known| known == digit)?;
        *sextet = u8::try_from(value).ok()?;
    }
    let (groups, _) = sextets.as_chunks::<4>();
    let mut bytes = groups.iter().flat_map(|&[a, b, c, d]| [(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d]);
    let signature = std::array::from_fn(|_| bytes.next().unwrap_or_default());
    bytes.all(|left_over| left_over == 0).then_some(signature)
}
