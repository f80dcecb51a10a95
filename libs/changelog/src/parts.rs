//! What is too large for one message, in several.

/// The items in their order, in parts of at most `limit` bytes; an item that has more is a part of its own. No part is
/// empty.
pub fn by_bytes<T>(items: impl IntoIterator<Item = T>, limit: usize, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut filled) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let size = bytes(&item);
        if !part.is_empty() && filled + size > limit {
            parts.push(std::mem::take(&mut part));
            filled = 0;
        }
        filled += size;
        part.push(item);
    }
    parts.extend(Some(part).filter(|part| !part.is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::by_bytes;

    #[test]
    fn parts_are_as_full_as_they_may_be_and_lose_nothing() {
        const LIMIT: usize = 1_000;
        let sizes = [1, LIMIT - 1, 1, LIMIT + 7, 3, LIMIT / 2, LIMIT / 2, 1];
        let items: Vec<_> = sizes.into_iter().enumerate().collect();
        let parts = by_bytes(items.clone(), LIMIT, |(_, size)| *size);
        assert_eq!(parts.concat(), items);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 2, 2]);
        assert!(parts.iter().all(|part| part.len() == 1 || part.iter().map(|(_, size)| size).sum::<usize>() <= LIMIT));
        assert!(by_bytes(Vec::<usize>::new(), LIMIT, |size| *size).is_empty());
    }
}
