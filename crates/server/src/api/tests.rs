//! The addresses, asked as programs ask them.

mod asking;
mod documented;
mod forms;
mod hostile;
mod shop;
