//! The star schema: scores, calendar, scale of money, orders, categories, optional columns, discount.
