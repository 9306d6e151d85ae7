//! What training programs wrap around a state dict: dictionaries that hold it, and prefixes of its names.

use super::pytorch::Value;

/// Where a checkpoint has its state dict, first match wins: the released trainer and Lightning, torchvision's and
/// Hugging Face's examples, and many scripts.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];
/// What stands before every name: several devices (`DataParallel`), `torch.compile`, a Lightning module.
const PREFIXES: [&str; 3] = ["module.", "_orig_mod.", "model."];

/// The state dict of a checkpoint, which may be all of it.
pub(super) fn state_dict(root: &Value) -> &Value {
    let is_dict = |value: &&Value| value.entries().is_some_and(|entries| !entries.is_empty());
    KEYS.into_iter().find_map(|key| root.get(key).filter(is_dict)).unwrap_or(root)
}

/// How many bytes at the start of every name are prefixes, one behind the other, in any order.
pub(super) fn prefix_len<'a>(names: impl Iterator<Item = &'a str> + Clone) -> usize {
    let mut len = 0;
    if names.clone().next().is_none() {
        return len;
    }
    while let Some(prefix) =
        PREFIXES.into_iter().find(|prefix| names.clone().all(|name| name[len..].starts_with(prefix)))
    {
        len += prefix.len();
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_all_names_have_are_taken_off() {
        let len = |names: &[&'static str]| prefix_len(names.iter().copied());
        assert_eq!(len(&["a.weight", "module.b"]), 0);
        assert_eq!(len(&["module.a", "module.b"]), 7);
        assert_eq!(len(&["module._orig_mod.a", "module._orig_mod.b"]), 17);
        assert_eq!(len(&["model.module.a", "model.b"]), 6);
        assert_eq!(len(&["module.module."]), 14);
        assert_eq!(len(&[]), 0);
    }
}
