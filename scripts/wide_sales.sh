#!/bin/sh
# Writes a month-by-month CSV of the shipped contract whose keys do not repeat much and are long: many products, many customers, line
# keys of 25 characters, product names of 50. What needs memory in a build is the number of distinct keys and their length, which
# `salesmart sample` keeps small. The same arguments give the same bytes.
#
#   scripts/wide_sales.sh LINES PRODUCTS CUSTOMERS FOLDER
#
# Example, the one that docs/configuration.md measures (in a project made by `salesmart init`):
#   scripts/wide_sales.sh 1500000 92000 400000 data/raw && /usr/bin/time -v salesmart run
set -eu

if [ $# -ne 4 ]; then
    echo "usage: $0 LINES PRODUCTS CUSTOMERS FOLDER" >&2
    exit 2
fi
mkdir -p "$4"

awk -v lines="$1" -v products="$2" -v customers="$3" -v folder="$4" '
# Park and Miller: exact in the doubles of every awk.
function below(limit) { state = state * 16807 % 2147483647; return state % limit }
BEGIN {
    state = 1
    months = 24
    header = "Transaction ID,Order ID,Sold At,Customer ID,Customer Name,Product ID,Product,Category,Region,City,Store,Quantity,Unit Price,Revenue,Cost"
    for (line = 0; line < lines; line++) {
        month = int(line * months / lines)
        file = sprintf("%s/sales_%04d_%02d.csv", folder, 2023 + int(month / 12), month % 12 + 1)
        if (file != last) {
            if (last != "") close(last)
            print header > file
            last = file
        }
        # Every product and customer is there at least once if there are lines enough.
        product = line < products ? line : below(products)
        customer = line < customers ? line : below(customers)
        place = customer % 200
        cents = 99 + product * 37 % 9900
        quantity = 1 + below(5)
        printf "TX-%04d%02d-%015d,O%09d,%04d-%02d-%02d %02d:%02d:%02d,C%07d,Customer number %07d,P%06d,Product number %06d with a name of fifty letters,Category %02d,Region %d,City %02d,Store %03d,%d,%d.%02d,%d.%02d,%d.%02d\n", \
            2023 + int(month / 12), month % 12 + 1, line, int(line / 2), \
            2023 + int(month / 12), month % 12 + 1, 1 + below(28), below(24), below(60), below(60), \
            customer, customer, product, product, product % 30, place % 8, place % 40, place, quantity, \
            int(cents / 100), cents % 100, int(cents * quantity / 100), cents * quantity % 100, \
            int(cents * quantity * 6 / 1000), int(cents * quantity * 6 / 10) % 100 > file
    }
}'
