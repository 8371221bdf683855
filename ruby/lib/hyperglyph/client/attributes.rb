# frozen_string_literal: true

module Hyperglyph
  class Client
    # Attributes of hypermedia extensions, judged when they are used (REQ-EXT-5, REQ-EXT-9, REQ-EXT-10).
    module Attributes
      module_function

      # Text, also where it came as a bytearray; nil where it is absent or nil. Raises Unusable for all else.
      def text(attributes, name)
        value = attributes[name]
        return if value.nil?

        as_text(value) or raise Unusable, "its #{name} is no text"
      end

      # The same, nil for what is no text.
      def text?(attributes, name)
        as_text(attributes[name])
      end

      # true or false, which is also what absent and nil mean. Raises Unusable for all else.
      def flag(attributes, name)
        value = attributes[name]
        return value == true if value.nil? || value == true || value == false

        raise Unusable, "its #{name} is neither true nor false"
      end

      def as_text(value)
        return unless value.is_a?(String)
        return value unless value.encoding == Encoding::BINARY

        text = value.dup.force_encoding(Encoding::UTF_8)
        text if text.valid_encoding?
      end

      # The headers of a link or form, pairs of text. Raises Unusable for another one than those in `allowed`
      # (lower case), and for a value that is not printable ASCII.
      def headers(attributes, allowed)
        headers = attributes["headers"]
        return [] if headers.nil?
        raise Unusable, "its headers are no dict" unless headers.is_a?(Hash)

        headers.map do |name, value|
          name = as_text(name.is_a?(Bytes) ? name.to_str : name)
          raise Unusable, "it sets a header that it may not: #{name.inspect[0, 60]}" unless allowed.include?(name&.downcase)

          [name, header_value(name, value)]
        end.tap { |pairs| once(pairs) }
      end

      def header_value(name, value)
        value = as_text(value)
        return value if value && HTTP::Headers::PRINTABLE.match?(value)

        raise Unusable, "its #{name} is not printable ASCII"
      end

      def once(pairs)
        names = pairs.map { |name, _| name.downcase }
        raise Unusable, "it sets a header twice" if names.uniq.size < names.size
      end
      private_class_method :once
    end
  end
end
