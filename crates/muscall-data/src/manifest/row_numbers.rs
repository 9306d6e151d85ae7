//! Where rows stand in their file.

/// For each row of a split, the number in the file of the row that each of its captions is of, from 1; where there is a header,
/// its line. Several rows with one id are one track.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowNumbers {
    /// Of all captions, row by row.
    numbers: Vec<usize>,
    /// Where those of each row end.
    ends: Vec<usize>,
}

impl RowNumbers {
    /// Of a row from 0; empty behind the last one.
    pub fn get(&self, row: usize) -> &[usize] {
        let start = row.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        start.zip(self.ends.get(row)).map_or(&[], |(start, end)| &self.numbers[start..*end])
    }

    /// Of every row.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.ends.len()).map(|row| self.get(row))
    }

    /// Of so many rows, from pairs of a row and a number that are sorted by row.
    pub(super) fn of(rows: usize, pairs: &[(usize, usize)]) -> Self {
        let numbers = pairs.iter().map(|(_, number)| *number).collect();
        let ends = (0..rows).scan(0, |end, row| {
            *end += pairs[*end..].iter().take_while(|(of, _)| *of == row).count();
            Some(*end)
        });
        Self { numbers, ends: ends.collect() }
    }
}
