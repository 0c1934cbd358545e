{% macro surrogate_key(column) %}
case when {{ column }} is null then 0 else (('0x' || left(md5({{ column }}), 16))::ubigint >> 1)::bigint end
{% endmacro %}
