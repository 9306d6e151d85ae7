//! Sets of rows that belong together.

use std::collections::BTreeMap;

/// Disjoint sets of rows, which only grow together. Whatever the order in which rows are joined, the sets are the same.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The root of a set, which is its own parent, is its first row.
    parents: Vec<usize>,
}

impl Groups {
    /// So many rows, each by itself.
    pub fn new(rows: usize) -> Self {
        Self { parents: (0..rows).collect() }
    }

    fn root(&mut self, mut row: usize) -> usize {
        while self.parents[row] != row {
            self.parents[row] = self.parents[self.parents[row]];
            row = self.parents[row];
        }
        row
    }

    /// Makes one set of those of two rows.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    /// Whether two rows are of one set, directly or by others.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn are_joined(&mut self, a: usize, b: usize) -> bool {
        self.root(a) == self.root(b)
    }

    /// The sets of at least two rows by their first one, and in each its rows in order.
    pub fn into_groups(mut self) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in 0..self.parents.len() {
            groups.entry(self.root(row)).or_default().push(row);
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_do_not_depend_on_the_order() {
        let pairs = [(0, 3), (4, 5), (3, 1), (5, 7)];
        let groups = |pairs: &mut dyn Iterator<Item = &(usize, usize)>| {
            let mut groups = Groups::new(8);
            pairs.for_each(|&(a, b)| groups.join(a, b));
            assert!(groups.are_joined(0, 1) && !groups.are_joined(1, 4) && !groups.are_joined(2, 6));
            groups.into_groups()
        };
        let expected = [vec![0, 1, 3], vec![4, 5, 7]];
        assert_eq!(groups(&mut pairs.iter()), expected);
        assert_eq!(groups(&mut pairs.iter().rev()), expected);
    }
}
