# An HTTP API behind the ready handler, for a user pool that exists already.
#
# The AWS provider has no resource for a pool's replica yet (terraform-provider-aws issue 48227); the
# pool itself is in template.yaml. Here the pool is given by its ID.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

variable "name" {
  description = "Begins the name of everything made here."
  type        = string
  default     = "orders"
}

variable "user_pool_id" {
  description = "Such as us-west-2_EXAMPLE; it begins with the primary Region."
  type        = string
}

variable "client_ids" {
  description = "App clients whose tokens are accepted."
  type        = list(string)

  validation {
    condition     = length(var.client_ids) > 0
    error_message = "Name at least one app client."
  }
}

variable "replica_regions" {
  description = "Regions that the pool is replicated to."
  type        = list(string)
  default     = []
}

variable "authorizer_zip" {
  description = "What build_zip.py wrote, for arm64 and Python 3.13, with the pool's keys."
  type        = string
  default     = "authorizer.zip"
}

variable "backend_url" {
  description = "https URL that the requests go to, without a path; it must take none from elsewhere."
  type        = string
}

variable "allowed_origins" {
  description = "Origins whose pages may call the API."
  type        = list(string)
  default     = []
}

data "aws_partition" "current" {}

locals {
  # Lists are separated by commas. An empty variable would fail the function's init, so it is left out.
  authorizer_environment = {
    COGNITO_USER_POOL_ID        = var.user_pool_id
    COGNITO_CLIENT_IDS          = join(",", var.client_ids)
    COGNITO_REPLICA_REGIONS     = join(",", var.replica_regions)
    COGNITO_BAKED_KEY_FILE      = "/var/task/cognito-keys.json"
    COGNITO_AUTHORIZER_KIND     = "http-2.0"
    COGNITO_AUTHORIZER_RESPONSE = "simple" # an event does not say; must agree with enable_simple_responses
    COGNITO_AUTHORIZER_SCOPES   = "orders/read"
  }
}

# --- The authorizer

resource "aws_iam_role" "authorizer" {
  name = "${var.name}-authorizer"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "authorizer" {
  role       = aws_iam_role.authorizer.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_function" "authorizer" {
  function_name    = "${var.name}-authorizer"
  role             = aws_iam_role.authorizer.arn
  handler          = "cognito_mr_auth.aws_lambda.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 512
  timeout          = 8 # an HTTP API waits 10 s for its authorizer
  filename         = var.authorizer_zip
  source_code_hash = filebase64sha256(var.authorizer_zip)

  # Why a token was refused is logged at INFO; without this, Lambda shows WARNING and above.
  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
  }

  environment {
    variables = { for name, value in local.authorizer_environment : name => value if value != "" }
  }
}

resource "aws_lambda_permission" "authorizer" {
  statement_id  = "AllowTheAuthorizer"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.authorizer.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.cognito.id}"
}

resource "aws_apigatewayv2_authorizer" "cognito" {
  api_id                            = aws_apigatewayv2_api.this.id
  name                              = "cognito"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = aws_lambda_function.authorizer.invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true

  # The cache's key. It must hold the place that the token comes from, or one caller's answer would be
  # given to the next. At most 300 s: a cached answer may outlive its token by that much.
  identity_sources                 = ["$request.header.Authorization"]
  authorizer_result_ttl_in_seconds = 300
}

# --- The API

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(var.allowed_origins) > 0 ? ["given"] : []

    content {
      allow_origins = var.allowed_origins
      allow_methods = ["GET"]
      allow_headers = ["authorization"]
    }
  }
}

resource "aws_apigatewayv2_integration" "backend" {
  api_id             = aws_apigatewayv2_api.this.id
  integration_type   = "HTTP_PROXY"
  integration_method = "ANY"
  integration_uri    = var.backend_url

  # "overwrite", so that no caller can say who they are.
  request_parameters = {
    "overwrite:path"             = "$request.path"
    "overwrite:header.x-subject" = "$context.authorizer.sub"
  }
}

resource "aws_apigatewayv2_route" "orders" {
  for_each = toset(["GET /orders", "GET /orders/{id}"])

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.value
  target             = "integrations/${aws_apigatewayv2_integration.backend.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.cognito.id
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true
}

output "url" {
  description = "Where the API is."
  value       = aws_apigatewayv2_stage.default.invoke_url
}

output "authorizer_function" {
  description = "Its log says why a token was refused or which keys were out of reach."
  value       = aws_lambda_function.authorizer.function_name
}
