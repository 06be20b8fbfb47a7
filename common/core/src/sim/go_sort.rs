//! The order in which Go's `sort.Slice` leaves equal elements.
//!
//! Karpenter sorts open NodeClaims by number of pods with it, and most of them have equally many, so which claim a
//! pod tries first is decided by this algorithm alone: pattern-defeating quicksort (Orson Peters,
//! <https://arxiv.org/abs/2106.05123>), insertion sort up to twelve elements, its shuffling seeded by the length.
//! Nothing here is random.

/// Longest range that is simply inserted.
const INSERTION: usize = 12;
/// Shortest range whose pivot is a median of medians, and in which single elements are shifted.
const LONG: usize = 50;

/// Sorts as Go 1.19 and later do.
pub(super) fn sort_slice<T>(data: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    let limit = usize::BITS - data.len().leading_zeros();
    let end = data.len();
    quicksort(data, 0, end, limit, less);
}

/// Whether the sort would take this range, in which one element is out of place, for nearly sorted, and only shift
/// that element.
pub(super) fn would_only_shift<T>(data: &[T], less: &impl Fn(&T, &T) -> bool) -> bool {
    data.len() >= LONG && choose_pivot(data, 0, data.len(), less).1 == Hint::Increasing
}

#[derive(PartialEq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

fn quicksort<T>(data: &mut [T], mut a: usize, mut b: usize, mut limit: u32, less: &impl Fn(&T, &T) -> bool) {
    let (mut was_balanced, mut was_partitioned) = (true, true);
    loop {
        let length = b - a;
        if length <= INSERTION {
            insertion_sort(data, a, b, less);
            return;
        }
        if limit == 0 {
            heap_sort(&mut data[a..b], less);
            return;
        }
        if !was_balanced {
            break_patterns(data, a, length);
            limit -= 1;
        }
        let (mut pivot, mut hint) = choose_pivot(data, a, b, less);
        if hint == Hint::Decreasing {
            data[a..b].reverse();
            pivot = (b - 1) - (pivot - a);
            hint = Hint::Increasing;
        }
        if was_balanced && was_partitioned && hint == Hint::Increasing && nearly_sorted(data, a, b, less) {
            return;
        }
        if a > 0 && !less(&data[a - 1], &data[pivot]) {
            a = partition_equal(data, a, b, pivot, less);
            continue;
        }
        let (middle, already) = partition(data, a, b, pivot, less);
        was_partitioned = already;
        let (left, right) = (middle - a, b - middle);
        if left < right {
            was_balanced = left >= length / 8;
            quicksort(data, a, middle, limit, less);
            a = middle + 1;
        } else {
            was_balanced = right >= length / 8;
            quicksort(data, middle + 1, b, limit, less);
            b = middle;
        }
    }
}

fn insertion_sort<T>(data: &mut [T], a: usize, b: usize, less: &impl Fn(&T, &T) -> bool) {
    for i in a + 1..b {
        let mut j = i;
        while j > a && less(&data[j], &data[j - 1]) {
            data.swap(j, j - 1);
            j -= 1;
        }
    }
}

fn heap_sort<T>(data: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    let sift_down = |data: &mut [T], mut root: usize, end: usize| {
        loop {
            let mut child = 2 * root + 1;
            if child >= end {
                return;
            }
            if child + 1 < end && less(&data[child], &data[child + 1]) {
                child += 1;
            }
            if !less(&data[root], &data[child]) {
                return;
            }
            data.swap(root, child);
            root = child;
        }
    };
    let length = data.len();
    for i in (0..=(length - 1) / 2).rev() {
        sift_down(data, i, length);
    }
    for i in (0..length).rev() {
        data.swap(0, i);
        sift_down(data, 0, i);
    }
}

/// Moves three elements of an unbalanced range to places that its length decides.
fn break_patterns<T>(data: &mut [T], a: usize, length: usize) {
    let mut random = length as u64;
    let modulus = 1u64 << (usize::BITS - length.leading_zeros());
    let place = a + (length / 4) * 2 - 1;
    for i in 0..3 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut other = (random & (modulus - 1)) as usize;
        if other >= length {
            other -= length;
        }
        data.swap(place + i, a + other);
    }
}

fn choose_pivot<T>(data: &[T], a: usize, b: usize, less: &impl Fn(&T, &T) -> bool) -> (usize, Hint) {
    let quarter = (b - a) / 4;
    let (mut i, mut j, mut k) = (a + quarter, a + quarter * 2, a + quarter * 3);
    let mut swaps = 0;
    if b - a >= LONG {
        i = median(data, [i - 1, i, i + 1], &mut swaps, less);
        j = median(data, [j - 1, j, j + 1], &mut swaps, less);
        k = median(data, [k - 1, k, k + 1], &mut swaps, less);
    }
    j = median(data, [i, j, k], &mut swaps, less);
    const MOST_SWAPS: usize = 4 * 3;
    match swaps {
        0 => (j, Hint::Increasing),
        MOST_SWAPS => (j, Hint::Decreasing),
        _ => (j, Hint::Unknown),
    }
}

fn median<T>(
    data: &[T],
    [mut a, mut b, mut c]: [usize; 3],
    swaps: &mut usize,
    less: &impl Fn(&T, &T) -> bool,
) -> usize {
    let mut order = |x: &mut usize, y: &mut usize| {
        if less(&data[*y], &data[*x]) {
            *swaps += 1;
            std::mem::swap(x, y);
        }
    };
    order(&mut a, &mut b);
    order(&mut b, &mut c);
    order(&mut a, &mut b);
    b
}

/// Sorts a range with at most five elements out of place; false where there are more or the range is short.
fn nearly_sorted<T>(data: &mut [T], a: usize, b: usize, less: &impl Fn(&T, &T) -> bool) -> bool {
    let mut i = a + 1;
    for _ in 0..5 {
        while i < b && !less(&data[i], &data[i - 1]) {
            i += 1;
        }
        if i == b {
            return true;
        }
        if b - a < LONG {
            return false;
        }
        data.swap(i, i - 1);
        if i - a >= 2 {
            let mut j = i - 1;
            while j >= 1 && less(&data[j], &data[j - 1]) {
                data.swap(j, j - 1);
                j -= 1;
            }
        }
        if b - i >= 2 {
            let mut j = i + 1;
            while j < b && less(&data[j], &data[j - 1]) {
                data.swap(j, j - 1);
                j += 1;
            }
        }
    }
    false
}

/// Smaller elements left of the pivot, the others right of it; where the pivot went, and whether nothing moved.
fn partition<T>(
    data: &mut [T],
    a: usize,
    b: usize,
    pivot: usize,
    less: &impl Fn(&T, &T) -> bool,
) -> (usize, bool) {
    data.swap(a, pivot);
    let (mut i, mut j) = (a + 1, b - 1);
    let mut moved = false;
    loop {
        while i <= j && less(&data[i], &data[a]) {
            i += 1;
        }
        while i <= j && !less(&data[j], &data[a]) {
            j -= 1;
        }
        if i > j {
            break;
        }
        data.swap(i, j);
        moved = true;
        i += 1;
        j -= 1;
    }
    data.swap(j, a);
    (j, !moved)
}

/// Elements equal to the pivot first; where the larger ones begin.
fn partition_equal<T>(
    data: &mut [T],
    a: usize,
    b: usize,
    pivot: usize,
    less: &impl Fn(&T, &T) -> bool,
) -> usize {
    data.swap(a, pivot);
    let (mut i, mut j) = (a + 1, b - 1);
    loop {
        while i <= j && !less(&data[a], &data[i]) {
            i += 1;
        }
        while i <= j && less(&data[a], &data[j]) {
            j -= 1;
        }
        if i > j {
            return i;
        }
        data.swap(i, j);
        i += 1;
        j -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Order in which Go 1.26 leaves equal elements: two made-up series per length, one sorted once, one sorted after
    /// every change as open claims are. FNV-1a over the original positions.
    #[test]
    fn equal_elements_stay_where_go_leaves_them() {
        let next = |seed: &mut u32| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *seed
        };
        let digest = |sorted: &[(u32, u64)]| {
            sorted.iter().fold(1_469_598_103_934_665_603u64, |hash, (_, at)| {
                (hash ^ at).wrapping_mul(1_099_511_628_211)
            })
        };
        for (length, once, growing) in [
            (13u32, 0x9f95823415b43f8d_u64, 0x868bd2e8c70face5_u64),
            (20, 0x6b3c18c7742f05a7, 0xb5a3606f6a21da2b),
            (37, 0xd472aa74965f6eb3, 0xaa41480cda15efe9),
            (49, 0xc90d4697a7e46ec1, 0x7088af706e967ff1),
            (64, 0xaddfc87835b7c75, 0x8369e25ff88f86c7),
            (100, 0x8d4f8b907f59d4a3, 0x5c940fc1dc2012f7),
            (300, 0x437cedcb06bddc69, 0x64f37f3474ec3a0f),
        ] {
            let mut seed = length * 7919 + 1;
            let mut elements: Vec<(u32, u64)> =
                (0..u64::from(length)).map(|at| ((next(&mut seed) >> 24) % 5, at)).collect();
            sort_slice(&mut elements, &|a, b| a.0 < b.0);
            assert_eq!(digest(&elements), once, "{length} elements, sorted once");

            let mut elements: Vec<(u32, u64)> = Vec::new();
            let mut seed = length;
            for step in 0..length * 3 {
                let random = next(&mut seed);
                if step % 3 == 0 {
                    elements.push((1, elements.len() as u64));
                } else {
                    let at = (random >> 8) as usize % elements.len();
                    elements[at].0 += 1;
                }
                sort_slice(&mut elements, &|a, b| a.0 < b.0);
            }
            assert_eq!(digest(&elements), growing, "{length} elements, growing");
        }
    }

    proptest! {
        #[test]
        fn sorts(mut numbers in proptest::collection::vec(0u8..20, 0..400)) {
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort_slice(&mut numbers, &|a, b| a < b);
            prop_assert_eq!(numbers, expected);
        }

        #[test]
        fn a_sorted_range_stays_as_it_is(mut keys in proptest::collection::vec(0u8..5, 0..300)) {
            keys.sort_unstable();
            let mut tagged: Vec<(u8, usize)> = keys.into_iter().zip(0..).collect();
            let before = tagged.clone();
            sort_slice(&mut tagged, &|a, b| a.0 < b.0);
            prop_assert_eq!(tagged, before);
        }
    }
}
