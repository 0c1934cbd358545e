//! Values: time zones, fractions of a second, exponents, grouping and currency signs.
